"""The Makefile's help and set-up, and the locks it builds from."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import LONGEST

NOT_TRACKED = {
    ".git",
    ".venv",
    ".oresight",
    "__pycache__",
    "build",
    "dist",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".ipynb_checkpoints",
    "mlruns",
}

# Written in pieces, so that this file holds none of them.
REGISTRY_HOSTS = [
    ".".join(pieces)
    for pieces in (
        ("py" + "pi", "org"),
        ("files", "python" + "hosted", "org"),
        ("registry", "npm" + "js", "org"),
        ("conda", "ana" + "conda", "org"),
        ("deb", "debian", "org"),
    )
]
INDEX_ADDRESS = re.compile(
    rb"https?://[^\s\"]+/(?:simple|packages)(?:/|\"|$)|"
    + b"|".join(re.escape(host.encode()) for host in REGISTRY_HOSTS),
    re.MULTILINE,
)


def run_make(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run make as a person would: without what an outer make hands down."""
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    env["PATH"] = path or env["PATH"]
    command = ["make", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


# ---- help --------------------------------------------------------------------------------------


def read_targets(makefile: str) -> set[str]:
    """Give every target that a person may name: those that .PHONY lists."""
    return {name for line in re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE) for name in line.split()}


def read_rules(makefile: str) -> list[str]:
    """Give the target of every rule, in order, but for files, stamps and special targets."""
    return re.findall(r"^([a-z][a-z-]*):(?![=:])(?! \w+ \?=)", makefile, re.MULTILINE)


def test_help_lists_every_target_in_one_line_and_is_the_default(repo_root: Path) -> None:
    makefile = (repo_root / "Makefile").read_text()
    shown = run_make(repo_root, "help").stdout
    lines = [line.split(maxsplit=1) for line in shown.splitlines()]
    assert sorted(name for name, _ in lines) == sorted(read_targets(makefile))
    assert all(len(text) > 10 for _, text in lines)
    assert run_make(repo_root).stdout == shown


def test_every_rule_is_phony_and_stated_once(repo_root: Path) -> None:
    makefile = (repo_root / "Makefile").read_text()
    assert sorted(read_rules(makefile)) == sorted(read_targets(makefile))


def test_a_date_and_a_target_reach_the_command(repo_root: Path) -> None:
    assert "oresight weekly --as-of '2019-06-03'" in run_make(repo_root, "-n", "forecast", "AS_OF=2019-06-03").stdout
    assert "--as-of" not in run_make(repo_root, "-n", "forecast").stdout
    shown = run_make(repo_root, "-n", "backtest", "TARGET=price_spike", "OUT=/tmp/b").stdout
    assert "--target 'price_spike'" in shown
    assert "--out '/tmp/b'" in shown


# ---- set-up ------------------------------------------------------------------------------------

FAKE_UV = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/log"
case "$1" in
  venv) mkdir -p .venv/bin && touch .venv/bin/python ;;
  pip) if [ -e "$(dirname "$0")/broken" ]; then exit 1; fi ;;
esac
"""


LOCK = """\
numpy==1 \\
    --hash=sha256:00
setuptools==2 \\
    --hash=sha256:11 \\
    --hash=sha256:22
    # via oresight
typer==3 \\
    --hash=sha256:33
"""


class Checkout:
    """A tree with the real Makefile, locks of one line, and a uv that only notes what it is asked."""

    def __init__(self, folder: Path, makefile: Path) -> None:
        self.tree, self.tools = folder / "tree", folder / "tools"
        self.tree.mkdir()
        self.tools.mkdir()
        shutil.copy(makefile, self.tree / "Makefile")
        for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
            (self.tree / name).write_text("first\n")
        (self.tree / "requirements.lock").write_text(LOCK)
        self.write_tool("uv", FAKE_UV)

    def write_tool(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_make(self.tree, *arguments, path=f"{self.tools}:{os.environ['PATH']}")

    def take_log(self) -> list[str]:
        """Give what uv was asked since the last time."""
        log = self.tools / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def checkout(tmp_path: Path, repo_root: Path) -> Checkout:
    return Checkout(tmp_path, repo_root / "Makefile")


def test_setup_installs_the_lock_with_hashes_then_the_package_alone(checkout: Checkout) -> None:
    assert checkout.make("setup").returncode == 0
    made, backend, locked, package = checkout.take_log()
    assert made.startswith("venv")
    assert "--require-hashes -r .venv/build-backend.lock" in backend
    assert "--require-hashes --no-build-isolation -r requirements.lock" in locked
    assert "--no-deps --no-build-isolation --editable ." in package


def test_what_comes_as_source_is_built_by_the_locked_setuptools(checkout: Checkout) -> None:
    checkout.make("setup")
    built_by = (checkout.tree / ".venv" / "build-backend.lock").read_text()
    assert built_by == "setuptools==2 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"


def test_a_warm_setup_installs_nothing(checkout: Checkout) -> None:
    checkout.make("setup-dev")
    checkout.take_log()
    assert checkout.make("setup", "setup-dev").returncode == 0
    assert checkout.take_log() == []


def test_the_development_tools_come_on_top(checkout: Checkout) -> None:
    checkout.make("setup")
    checkout.take_log()
    checkout.make("setup-dev")
    (asked,) = checkout.take_log()
    assert "--require-hashes --no-build-isolation -r requirements-dev.lock" in asked


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            "requirements.lock",
            ["venv", "build-backend", "-r requirements.lock", "-r requirements-dev.lock", "--editable ."],
        ),
        ("requirements-dev.lock", ["-r requirements-dev.lock"]),
        ("pyproject.toml", ["--editable ."]),
    ],
)
def test_a_changed_file_installs_what_depends_on_it(checkout: Checkout, changed: str, expected: list[str]) -> None:
    checkout.make("setup-dev")
    checkout.take_log()
    (checkout.tree / changed).write_text("second\n")
    checkout.make("setup-dev")
    asked = checkout.take_log()
    assert len(asked) == len(expected)
    assert all(part in line for part, line in zip(expected, asked, strict=True))


def test_going_back_to_an_older_lock_installs_again(checkout: Checkout) -> None:
    for text in ("first\n", "second\n", "first\n"):
        (checkout.tree / "requirements-dev.lock").write_text(text)
        checkout.make("setup-dev")
        assert any("requirements-dev.lock" in line for line in checkout.take_log())


def test_an_interrupted_setup_starts_over(checkout: Checkout) -> None:
    (checkout.tools / "broken").touch()
    assert checkout.make("setup").returncode != 0
    assert not list((checkout.tree / ".venv").glob(".runtime-*"))
    checkout.take_log()
    (checkout.tools / "broken").unlink()
    assert checkout.make("setup").returncode == 0
    assert [line.split()[0] for line in checkout.take_log()] == ["venv", "pip", "pip", "pip"]


def test_a_copied_environment_is_built_anew(checkout: Checkout, tmp_path: Path) -> None:
    checkout.make("setup")
    checkout.take_log()
    shutil.copytree(checkout.tree, tmp_path / "copy", symlinks=True)
    checkout.tree = tmp_path / "copy"
    checkout.make("setup")
    assert checkout.take_log()[0].startswith("venv")


def test_an_old_python_is_refused_in_a_sentence(checkout: Checkout) -> None:
    checkout.write_tool("oldpython", '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    done = checkout.make("setup", "PYTHON=oldpython")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer; 'oldpython' is Python 3.9.2" in done.stderr
    assert checkout.take_log() == []


def test_a_missing_python_is_named(checkout: Checkout) -> None:
    done = checkout.make("setup", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "there is no 'no-such-python' here" in done.stderr


# ---- the order of the tests ------------------------------------------------------------------------


def test_files_stay_whole_and_the_longest_come_first(request: pytest.FixtureRequest, repo_root: Path) -> None:
    missing = [name for name in LONGEST if not (repo_root / "tests" / name).is_file()]
    assert missing == [], "LONGEST in tests/conftest.py names files that are gone"
    places = {repo_root / "tests" / name: place for place, name in enumerate(LONGEST)}
    order = list(dict.fromkeys(item.path for item in request.session.items))
    # Each file in one piece, or its fixtures would be made twice.
    assert [path for path, _ in itertools.groupby(item.path for item in request.session.items)] == order
    ranks = [-1 if path.suffix == ".ipynb" else places.get(path, len(places)) for path in order]
    assert ranks == sorted(ranks)


# ---- no index address --------------------------------------------------------------------------


def read_tracked(root: Path) -> Iterator[Path]:
    """Yield every file that is, or will be, part of the project."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in NOT_TRACKED and not name.endswith(".egg-info"))
        yield from (Path(folder) / name for name in sorted(files))


def find_index_addresses(root: Path) -> list[str]:
    offences = []
    for file in read_tracked(root):
        for number, line in enumerate(file.read_bytes().splitlines(), start=1):
            if found := INDEX_ADDRESS.search(line):
                offences.append(f"{file.relative_to(root)}:{number}: {found[0].decode(errors='replace')}")
    return offences


def test_no_file_names_a_package_index(repo_root: Path) -> None:
    offences = find_index_addresses(repo_root)
    assert not offences, "\n".join(["The machine decides where packages come from:", *offences])


@pytest.mark.parametrize(
    "line",
    [
        "index-url = https:" + "//mirror.example/simple",
        '"https:' + '//mirror.example/packages/a.whl"',
        f"see {REGISTRY_HOSTS[0]}",
    ],
)
def test_a_planted_index_address_is_found(line: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(f"# a\n{line}\n")
    assert len(find_index_addresses(tmp_path)) == 1


# ---- the locks ---------------------------------------------------------------------------------


def read_lock(file: Path) -> dict[str, set[str]]:
    """Give the pinned versions of each package.

    Raises:
        AssertionError: a line is neither a pinned requirement, a hash nor a comment, or a
            requirement has no hash; every such line is listed.
    """
    pins: dict[str, set[str]] = {}
    offences: list[str] = []
    for block in file.read_text().replace("\\\n", " ").splitlines():
        if not block.strip() or block.lstrip().startswith("#"):
            continue
        found = re.match(r"([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;]+)", block)
        if not found:
            offences.append(f"{file.name}: not a pinned requirement: {block[:80]}")
            continue
        if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block):
            offences.append(f"{file.name}: no hash: {block[:80]}")
        pins.setdefault(found[1], set()).add(found[2])
    assert not offences, "\n".join(offences)
    return pins


def test_every_locked_requirement_is_pinned_and_has_a_hash(repo_root: Path) -> None:
    assert read_lock(repo_root / "requirements.lock")
    assert read_lock(repo_root / "requirements-dev.lock")


@pytest.mark.parametrize("text", ["numpy==2.4.6\n", "numpy>=2 --hash=sha256:" + "0" * 64, "--find-links wheels"])
def test_a_loose_requirement_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(text)
    with pytest.raises(AssertionError, match=r"a\.lock"):
        read_lock(tmp_path / "a.lock")


def test_the_development_lock_holds_the_runtime_lock_unchanged(repo_root: Path) -> None:
    runtime, dev = (read_lock(repo_root / f"requirements{kind}.lock") for kind in ("", "-dev"))
    other = {name: (pins, dev.get(name)) for name, pins in runtime.items() if dev.get(name) != pins}
    assert other == {}, "make lock brings both in step"


def test_the_locks_answer_pyproject(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "requirements.lock": project["project"]["dependencies"] + groups["build"],
        "requirements-dev.lock": project["project"]["dependencies"] + groups["build"] + groups["dev"],
    }
    stale = [
        f"{lock}: {requirement}"
        for lock, requirements in wanted.items()
        for requirement in map(Requirement, requirements)
        if not any(
            requirement.specifier.contains(pin)
            for pin in read_lock(repo_root / lock).get(requirement.name.lower().replace("_", "-"), ())
        )
    ]
    assert stale == [], "make lock brings the locks in step with pyproject.toml"
