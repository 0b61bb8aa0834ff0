"""The README's commands do what they say: each is run, or shown to exist where running it takes minutes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = {"make test": "make -n test", "oresight demo": "oresight demo --help"}


def commands(root: Path) -> list[str]:
    """List the command lines in the README's sh blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (root / "README.md").read_text(), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


@pytest.mark.slow
def test_commands_of_the_readme_run(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("readme")
    work = tmp_path_factory.mktemp("work")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORESIGHT_", "MLFLOW_"))}
    environment |= {"ORESIGHT_HOME": str(home)}
    lines = commands(repo_root)
    assert lines[:2] == ["make forecast", "make test"]
    for line in lines:
        words = shlex.split(SLOW.get(line, line))
        if words[0] == "make":
            # The environment is this one: a set-up inside a test would replace it under the other tests.
            shown = subprocess.run(
                ["make", "-n", *words[1:]], cwd=repo_root, env=environment, capture_output=True, text=True, check=True
            )
            recipe = re.findall(r"bin/oresight (.*)", shown.stdout)
            if "-n" in words:
                assert "pytest" in shown.stdout
                continue
            words = ["oresight", *shlex.split(recipe[-1])]
        assert words[0] == "oresight", line
        done = subprocess.run(
            [sys.executable, "-m", "ml.cli", *words[1:]],
            cwd=work,
            env=environment | {"PYTHONPATH": str(repo_root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
    assert (work / "measures.parquet").exists()
    assert (work / "panel.parquet").exists()


def test_every_command_and_signal_is_in_the_documents(repo_root: Path) -> None:
    from features.panel import SIGNALS
    from ml.cli import app

    text = "".join(path.read_text() for path in [repo_root / "README.md", *sorted((repo_root / "docs").glob("*.md"))])
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    missing = [name for name in names if f"oresight {name}" not in text]
    assert missing == []
    assert [signal.name for signal in SIGNALS if f"`{signal.name}`" not in text] == []
    assert all(command.callback and command.callback.__doc__ for command in app.registered_commands)
