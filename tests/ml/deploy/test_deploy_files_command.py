"""`oresight deploy-files`: all files, once, never over what an operator changed, with the limits in force."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ml import cli_deploy
from ml.deploy import files
from ml.deploy.grafana import dashboard_json

SHIPPED = files.deploy_files((0.15, 0.3, 0.5))


@pytest.fixture
def deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("ORESIGHT_HOME", str(tmp_path / "home"))
    app = typer.Typer()
    app.add_typer(cli_deploy.app)
    app.callback()(lambda: None)
    return lambda *arguments: CliRunner().invoke(app, ["deploy-files", *map(str, arguments)])


def test_files_are_written_once_and_never_over_changes(deploy: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = deploy("--out", out, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {each["path"]: each["state"] for each in told["files"]} == dict.fromkeys(SHIPPED, "written")
    assert {name: (out / name).read_bytes() for name in SHIPPED} == SHIPPED
    assert (out / "compose/entrypoint.sh").stat().st_mode & stat.S_IXUSR
    assert {each["state"] for each in json.loads(deploy("--out", out, "--json").stdout)["files"]} == {"same"}

    (out / "compose/compose.yaml").write_text("mine")
    refused = deploy("--out", out)
    assert refused.exit_code != 0
    assert "compose/compose.yaml" in str(refused.exception)
    assert (out / "compose/compose.yaml").read_text() == "mine"
    assert deploy("--out", out, "--replace").exit_code == 0
    assert (out / "compose/compose.yaml").read_bytes() == SHIPPED["compose/compose.yaml"]


def test_dashboards_take_the_limits_in_force(
    deploy: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORESIGHT_TIER_SEVERE", "0.61")
    assert deploy("--out", tmp_path / "out", "--only", "grafana").exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"grafana"}
    written = (tmp_path / "out/grafana/dashboards/oresight-board.json").read_text()
    assert written == dashboard_json(files.DASHBOARDS[0], (0.15, 0.3, 0.61))
    unknown = deploy("--out", tmp_path / "out", "--only", "helm")
    assert "--only helm" in str(unknown.exception)
