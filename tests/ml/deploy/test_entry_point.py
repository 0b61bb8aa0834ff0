"""The shell in the files: the image's entry point with its secrets, and the notice that says how a job ended."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.deploy.files import HERE
from tests.ml.deploy.validators import run


def enter(folder: Path, *command: str) -> tuple[int, str]:
    return run("sh", HERE / "compose/entrypoint.sh", *command, SECRETS_FOLDER=str(folder))


def test_the_entry_point_gives_secrets_as_variables(tmp_path: Path) -> None:
    (tmp_path / "PGPASSWORD").write_text("it's $HOME\n")
    (tmp_path / "..data").mkdir()
    for name in ("lower", "1ST", "A-B", "README.md"):
        (tmp_path / name).write_text("no")
    code, said = enter(tmp_path, "sh", "-c", 'printf %s "$PGPASSWORD"; env | grep -c "=no$"; exit 4')
    assert (code, said) == (4, "it's $HOME0\n")


def test_the_entry_point_does_without_secrets(tmp_path: Path) -> None:
    assert enter(tmp_path / "none", "echo", "here") == (0, "here\n")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("closed", ["PGPASSWORD", "."])
def test_a_secret_that_may_not_be_read_is_named(closed: str, open_folder: Path) -> None:
    (open_folder / "PGPASSWORD").write_text("x")
    script = shutil.copy(HERE / "compose/entrypoint.sh", open_folder.parent / f"{open_folder.name}.sh")
    Path(script).chmod(0o755)
    (open_folder / closed).chmod(0)
    # root may read everything.
    who = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
    try:
        done = subprocess.run(
            ["sh", script, "true"],
            env={**os.environ, "SECRETS_FOLDER": str(open_folder)},
            capture_output=True,
            text=True,
            check=False,
            **who,  # type: ignore[arg-type]
        )
    finally:
        open_folder.chmod(0o755)
        Path(script).unlink()
    assert done.returncode == 2
    assert "oresight: user 65534 may not" in done.stderr or os.geteuid() != 0
    assert str(open_folder) in done.stderr


@pytest.mark.parametrize(("status", "words"), [("4", "held back"), ("3", "bad input data"), ("1", "nothing half-done")])
def test_the_notice_says_how_a_job_ended(status: str, words: str) -> None:
    unit = (HERE / "systemd/oresight-notice@.service").read_text().replace("\\\n", "")
    script = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.MULTILINE)
    assert script is not None
    shell = script[1].replace("%i", "oresight-weekly.service")
    code, said = run("sh", "-c", shell, MONITOR_EXIT_STATUS=status, MONITOR_EXIT_CODE="exited")
    assert code == 0
    assert said.startswith(f"<3>oresight-weekly.service ended with exited {status}: ")
    assert words in said
