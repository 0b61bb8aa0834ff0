"""The README keeps its word: each line of its shell blocks is run, or shown to exist where it takes minutes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import typer

from ml import cli
from ml.runs import current_run, published
from ml.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
# These take minutes, or the network; that they exist and know the options given is checked.
SLOW_COMMANDS = {"backtest", "ablation", "train", "demo", "collect"}

pytestmark = pytest.mark.slow


def text() -> str:
    assert README.exists(), "there is no README.md yet; its commands are tested here"
    return README.read_text()


def shell_lines(page: str) -> list[str]:
    """Every command line of the fenced sh blocks, in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


LINES = shell_lines(README.read_text()) if README.exists() else []


def make(*arguments: str) -> list[str]:
    """What make would do, line by line."""
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    answer = subprocess.run(["make", "-n", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.replace("\\\n", " ").splitlines()


def calls_of(line: str) -> list[list[str]]:
    """The oresight commands, as arguments, that a line of the README comes down to."""
    words = shlex.split(line)
    if words[0] == "oresight":
        return [words[1:]]
    assert words[0] == "make", f"neither make nor oresight: {line}"
    recipe = [shlex.split(step) for step in make(*words[1:]) if re.search(r"/oresight ", step)]
    return [step[1:] for step in recipe if step[0].endswith("/oresight")]


@pytest.fixture(scope="module")
def home(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that the README's commands may change, one after the other."""
    folder = tmp_path_factory.mktemp("readme") / "home"
    return Path(shutil.copytree(trained_home, folder, ignore=shutil.ignore_patterns("mlartifacts")))


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    (home / "work" / "downloads").mkdir(parents=True, exist_ok=True)
    (home / "work" / "headlines.jsonl").write_text('{"title": "Zimbabwe bans exports of raw lithium"}\n')
    monkeypatch.chdir(home / "work")
    monkeypatch.setenv("ORESIGHT_HOME", str(home))

    def call(arguments: list[str]) -> str:
        monkeypatch.setattr(sys, "argv", ["oresight", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        told = capsys.readouterr()
        assert not end.value.code, f"oresight {shlex.join(arguments)}: {told.err}"
        return told.out

    return call


def test_there_are_commands_to_try() -> None:
    lines = shell_lines(text())
    assert "make forecast" in lines
    assert "make test" in lines
    assert len(lines) >= 5


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_readme_works(line: str, run: Callable[[list[str]], str]) -> None:
    words = shlex.split(line)
    for arguments in calls_of(line):
        command = COMMANDS[arguments[0]]
        if arguments[0] in SLOW_COMMANDS:
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in arguments[1:] if word.startswith("--")} <= known
            assert "Usage: " in run([arguments[0], "--help"])
        else:
            assert run(arguments).strip()
    if words[0] == "make":
        assert make(*words[1:]) or words[1:] == ["setup"]


def test_after_the_readme_the_current_week_is_published_and_the_files_named_are_there(home: Path) -> None:
    settings = Settings(home=home)
    run = current_run(settings)
    assert run is not None
    assert run.about["kind"] == "live"
    assert run.broken_files() == []
    assert run == published(settings)[-1]
    for word in (word for line in LINES for word in shlex.split(line) if word.endswith(".parquet")):
        assert len(pd.read_parquet(home / "work" / word)) > 0
    for name in ("forecasts.parquet", "forecasts.csv", "report.html"):
        assert name in text()
        assert (run.folder / name).exists()


def test_every_command_and_target_spoken_of_in_the_prose_exists() -> None:
    quoted = re.findall(r"`((?:make|oresight) [^`]+)`", text())
    assert quoted
    for line in quoted:
        program, *words = line.split()
        if program == "oresight":
            assert words[0] in COMMANDS, line
            known = {option for parameter in COMMANDS[words[0]].params for option in parameter.opts}
            assert {word for word in words[1:] if word.startswith("--")} <= known, line
        else:
            make(words[0])


def test_the_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text()):
        assert target.startswith("http") or (ROOT / target).exists(), target
