"""The commands: a real server process that starts without a run, takes one up, and ends cleanly; and keys."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from features.errors import ConfigError
from ml.cli_serve import app
from tests.ml.service.conftest import Clock, Made

SERVE = "from ml.cli_serve import app; app()"


def run(home: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--home", str(home)], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert (
        run(home, "keys", "list").stdout.startswith("There are no keys")
        or "no keys" in run(home, "keys", "list").stdout
    )
    made = run(home, "keys", "create", "grafana", "--scope", "read,explain", "--expires", "2999-01-01", "--quota", "60")
    text = made.stdout.strip()
    assert text.startswith("ors_")
    assert text not in made.stderr
    (row,) = json.loads(run(home, "keys", "list", "--json").stdout)
    assert (row["name"], row["scopes"], row["state"]) == ("grafana", "read explain", "holds")
    assert (row["expires_at"], row["requests_per_minute"]) == ("2999-01-01T00:00:00Z", 60)
    assert text not in json.dumps(row)
    assert row["key_id"] in run(home, "keys", "list").stdout
    (revoked,) = json.loads(run(home, "keys", "revoke", row["key_id"], "--json").stdout)
    assert revoked["state"] == "revoked"
    for wrong in (["create", "x", "--scope", "write"], ["create", " "], ["revoke", "nobody"]):
        with pytest.raises(ConfigError):
            run(home, "keys", *wrong)
    as_json = json.loads(run(home, "keys", "create", "grafana", "--json").stdout)
    assert as_json["key"].startswith("ors_")
    assert as_json["scopes"] == "read"


def test_a_server_starts_without_a_run_takes_one_up_and_ends_cleanly(
    tmp_path: Path, clock: Clock, templates: Path, repo_root: Path
) -> None:
    service = Made(tmp_path / "home", clock, templates)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(ConfigError, match="--port"):
            run(service.home, "serve", "--port", str(port))
    environment = {**os.environ, "ORESIGHT_READY_DAYS": "366", "ORESIGHT_SWITCH_SECONDS": "0"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, "serve", "--home", str(service.home), "--port", str(port)],
        cwd=repo_root,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )

    def ask(path: str, wanted: int) -> dict[str, Any]:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    status, body = answer.status, answer.read()
            except urllib.error.HTTPError as refused:
                status, body = refused.code, refused.read()
            except OSError:
                status, body = 0, b""
            if status == wanted:
                return json.loads(body)
            time.sleep(0.1)
        raise AssertionError(f"{path} never answered {wanted}")

    try:
        assert ask("/readyz", 503)["reasons"] == ["no run has been published yet"]
        assert ask("/v1/forecasts", 503)["type"] == "/problems/no-run"
        run_id = service.publish()
        assert ask("/v1/forecasts/cobalt/COD", 200)[0]["run_id"] == run_id
    finally:
        server.send_signal(signal.SIGTERM)
        _, told = server.communicate(timeout=30)
    assert server.returncode in (0, -signal.SIGTERM)
    assert f"http://127.0.0.1:{port} for anybody" in told
    assert "Traceback" not in told
