"""The rules of the layout, read from the syntax of every module; each failure lists the offending lines.

Each rule is a function from a folder to its offences, so that the second half of this
file can plant a breach in a small tree and see it found.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = ("features", "models", "ml")
MAX_LINES = 320

# Inside `features`, a room may import its own modules and rooms of a lower level.
LEVELS: dict[str, int] = {
    "errors": 0,
    "bundle": 0,
    "archives": 1,
    "knowledge_time": 1,
    "catalog": 2,
    "schemas": 2,
    "datasets": 3,
    "flows": 3,
    "exports": 4,
    "hazard_events": 4,
    "measures": 4,
    "weeks": 4,
    "measure_counts": 5,
    "mirror": 5,
    "sources": 5,
    "store": 5,
    "text": 5,
    "stories": 6,
    "candidates": 7,
    "signals": 7,
    "collection": 8,
    "panel": 8,
    "codebook": 10,
}

# (who, what they may not import, why)
FORBIDDEN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("features.sources", ("features.signals",), "a source knows one upstream and no signal"),
    (
        "features.signals",
        ("features.sources", "features.store", "features.collection"),
        "a signal knows datasets, not where they come from or are kept",
    ),
    (
        "models",
        ("features.sources", "features.store", "features.collection"),
        "a model knows the panel and no store",
    ),
    ("features", ("mlflow",), "only ml touches MLflow"),
    ("models", ("mlflow",), "only ml touches MLflow"),
)

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
CLOCK_PARAMETERS = {"as_of", "now", "today"}
CLOCK_READS = {"now", "today", "utcnow"}
CLOCK_SQL = re.compile(r"\b(now|today|getdate)\s*\(\s*\)|\bcurrent_(date|timestamp|time)\b", re.IGNORECASE)
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal"}
PICKLE_CALLS = {"to_pickle", "read_pickle"}
# No breach of the rule can be written without one of these words: a file without them need not be parsed.
PICKLE_WORDS = re.compile(r"pickle|dill|shelve|marshal|joblib", re.IGNORECASE)
HEAVY = ("pandas", "numpy", "duckdb", "lightgbm", "sklearn", "mlflow")


@dataclass(frozen=True, slots=True)
class Module:
    """One file, parsed when a rule asks for it; `package` is what a relative import counts from."""

    path: str
    name: str
    package: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return parse(self.text, self.path)

    def offence(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"


def read_modules(root: Path, folders: tuple[str, ...] = PACKAGES) -> Iterator[Module]:
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            relative = file.relative_to(root)
            parts = relative.with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            package = name if is_package else name.rpartition(".")[0]
            yield Module(relative.as_posix(), name, package, file.read_text(encoding="utf-8"))


@functools.cache
def parse(text: str, path: str) -> ast.Module:
    # Several rules read every file; parsing them is what takes time.
    return ast.parse(text, path)


@functools.cache
def find_imports(module: Module) -> tuple[tuple[int, str], ...]:
    """Give line and full name of all that is imported, also inside functions and by import_module."""
    return tuple(walk_imports(module))


def walk_imports(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = module.package.split(".")[: len(module.package.split(".")) - node.level + 1]
                base = ".".join([*anchor, base] if base else anchor)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def is_inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


# ---- the rules ---------------------------------------------------------------------------------


def check_direction(root: Path) -> list[str]:
    """features ← models ← ml: a package imports itself and those to its left."""
    return [
        module.offence(line, f"{module.name.split('.')[0]} imports {name}; imports go features ← models ← ml")
        for module in read_modules(root)
        for line, name in find_imports(module)
        if name.split(".")[0] in PACKAGES
        and PACKAGES.index(name.split(".")[0]) > PACKAGES.index(module.name.split(".")[0])
    ]


def check_order_in_features(root: Path) -> list[str]:
    """catalog ← datasets ← sources, store ← signals ← panel."""
    offences = []
    for module in read_modules(root, ("features",)):
        if module.name == "features":
            continue
        own = module.name.split(".")[1]
        if own not in LEVELS:
            offences.append(module.offence(1, f"the room {own} has no place in LEVELS of {Path(__file__).name}"))
            continue
        for line, name in find_imports(module):
            if not name.startswith("features."):
                continue
            other = name.split(".")[1]
            if other in LEVELS and other != own and LEVELS[other] >= LEVELS[own]:
                offences.append(module.offence(line, f"{own} imports {name}, which is not below it"))
    return offences


def check_forbidden(root: Path) -> list[str]:
    """Each room keeps to what it knows."""
    return [
        module.offence(line, f"imports {name}: {why}")
        for module in read_modules(root)
        for line, name in find_imports(module)
        for who, whats, why in FORBIDDEN
        if is_inside(module.name, who) and any(is_inside(name, what) for what in whats)
    ]


def check_names(root: Path) -> list[str]:
    """A module is named after what it decides, never utils, helpers or common."""
    return [
        module.offence(1, f"the name {part} says nothing; name what it decides")
        for module in read_modules(root, (*PACKAGES, "tests"))
        for part in module.name.split(".")
        if part in VAGUE_NAMES
    ]


def check_docstring_and_size(root: Path) -> list[str]:
    """A module begins by saying what it is, and is short enough to be one thing."""
    offences = []
    for module in read_modules(root):
        if not ast.get_docstring(module.tree):
            offences.append(module.offence(1, "has no docstring"))
        lines = module.text.count("\n")
        if lines > MAX_LINES:
            offences.append(module.offence(MAX_LINES + 1, f"has {lines} lines, more than {MAX_LINES}: split it"))
    return offences


def find_told_dates(arguments: ast.arguments) -> list[str]:
    """Give the parameters by which a function would be told a date."""
    every = (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    )
    return sorted({argument.arg for argument in every if argument} & CLOCK_PARAMETERS)


def find_clock_read(node: ast.AST) -> str | None:
    """Tell how one syntax node asks for the present moment, None when it does not."""
    if isinstance(node, ast.Attribute) and node.attr in CLOCK_READS:
        return f".{node.attr}"
    if isinstance(node, ast.Call):
        words = [each.value for each in node.args if isinstance(each, ast.Constant)]
        return next((f"the argument {word!r}" for word in words if word in ("now", "today")), None)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        sql = CLOCK_SQL.search(node.value)
        return f"{sql[0]} in SQL" if sql else None
    return None


def check_signals_without_clock(root: Path) -> list[str]:
    """No function in features/signals is told a date or asks for one, so it cannot look ahead."""
    offences = []
    for module in read_modules(root, ("features/signals",)):
        nodes = list(ast.walk(module.tree))
        prose = {
            id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                offences += [
                    module.offence(node.lineno, f"is told a date by its parameter {name}")
                    for name in find_told_dates(node.args)
                ]
            elif id(node) not in prose and (found := find_clock_read(node)):
                offences.append(module.offence(node.lineno, f"reads the clock: {found}"))
        offences += [
            module.offence(line, f"imports {name}: a signal has no clock")
            for line, name in find_imports(module)
            if is_inside(name, "time")
        ]
    return offences


def check_no_pickle(root: Path) -> list[str]:
    """Models are stored as text and JSON: reading a pickle runs whatever is in it."""
    offences = []
    for module in read_modules(root, (*PACKAGES, "tests")):
        if not PICKLE_WORDS.search(module.text):
            continue
        for line, name in find_imports(module):
            if name.split(".")[0] in PICKLES or name in {"joblib.dump", "joblib.load"}:
                offences.append(module.offence(line, f"imports {name}"))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in PICKLE_CALLS:
                offences.append(module.offence(node.lineno, f"uses {node.attr}"))
            elif isinstance(node, ast.Attribute) and ast.unparse(node) in {"joblib.dump", "joblib.load"}:
                offences.append(module.offence(node.lineno, f"uses {ast.unparse(node)}"))
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                is_off = isinstance(node.value, ast.Constant) and node.value.value is False
                offences += [] if is_off else [module.offence(node.value.lineno, "allows pickles")]
    return offences


CHECKS: tuple[Callable[[Path], list[str]], ...] = (
    check_direction,
    check_order_in_features,
    check_forbidden,
    check_names,
    check_docstring_and_size,
    check_signals_without_clock,
    check_no_pickle,
)


def probe_import(root: Path, module: str) -> list[str]:
    """Import `module` in a fresh interpreter; give the heavy packages that came with it."""
    code = f"import json, sys, {module}; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---- the project -------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_project_keeps_the_rule(check: Callable[[Path], list[str]], repo_root: Path) -> None:
    offences = check(repo_root)
    assert not offences, "\n".join([check.__doc__ or check.__name__, *offences])


def test_every_package_was_read(repo_root: Path) -> None:
    read = {module.name.split(".")[0] for module in read_modules(repo_root)}
    assert read == set(PACKAGES)


@pytest.mark.parametrize("module", ["features.errors", "features.knowledge_time"])
def test_the_time_rules_load_without_heavy_packages(module: str, repo_root: Path) -> None:
    assert probe_import(repo_root, module) == []


# ---- the rules can fail ------------------------------------------------------------------------

DOC = '"""What it is."""\n'

BREACHES: list[tuple[Callable[[Path], list[str]], str, str, str]] = [
    (check_direction, "features/a.py", "import models.targets", ":2: features imports models.targets"),
    (check_direction, "features/a.py", "def f():\n    from ml import cli", ":3: features imports ml.cli"),
    (check_direction, "models/a.py", "from ml.scores import brier", ":2: models imports ml.scores.brier"),
    (
        check_direction,
        "models/a.py",
        "import importlib\nimportlib.import_module('ml.cli')",
        "models imports ml.cli",
    ),
    (check_order_in_features, "features/catalog/a.py", "from features import datasets", "catalog imports"),
    (
        check_order_in_features,
        "features/datasets.py",
        "from .store import read",
        "imports features.store.read",
    ),
    (
        check_order_in_features,
        "features/sources/a.py",
        "from ..store import read",
        "imports features.store.read",
    ),
    (check_order_in_features, "features/signals/a.py", "from features.panel import build", "signals imports"),
    (check_order_in_features, "features/new_room.py", "", "new_room has no place"),
    (check_forbidden, "features/sources/a.py", "import features.signals.trade", "no signal"),
    (
        check_forbidden,
        "features/signals/a.py",
        "from features.sources import baci",
        "not where they come from",
    ),
    (check_forbidden, "features/signals/a.py", "from features import store", "not where they come from"),
    (check_forbidden, "models/a.py", "from features.store import Store", "no store"),
    (check_forbidden, "models/a.py", "from features.sources.baci import parse", "no store"),
    (check_forbidden, "models/a.py", "import mlflow.lightgbm", "only ml touches MLflow"),
    (check_forbidden, "features/a.py", "from mlflow import log_metric", "only ml touches MLflow"),
    (check_names, "ml/utils.py", "", "utils says nothing"),
    (check_names, "features/common/trade.py", "", "common says nothing"),
    (check_names, "tests/helpers.py", "", "helpers says nothing"),
    (check_docstring_and_size, "ml/a.py", "x = 1\n" * MAX_LINES, f"more than {MAX_LINES}"),
    (
        check_signals_without_clock,
        "features/signals/a.py",
        "def f(rows, *, as_of):\n    return rows",
        ":2: is told a date",
    ),
    (check_signals_without_clock, "features/signals/a.py", "f = lambda today: today", "parameter today"),
    (
        check_signals_without_clock,
        "features/signals/a.py",
        "t = datetime.now(UTC)",
        ":2: reads the clock: .now",
    ),
    (check_signals_without_clock, "features/signals/a.py", "t = pd.Timestamp.now()", "reads the clock: .now"),
    (
        check_signals_without_clock,
        "features/signals/a.py",
        "t = pd.Timestamp('today')",
        "the argument 'today'",
    ),
    (
        check_signals_without_clock,
        "features/signals/a.py",
        "q = 'SELECT current_date'",
        "current_date in SQL",
    ),
    (check_signals_without_clock, "features/signals/a.py", "import time", "has no clock"),
    (check_no_pickle, "models/a.py", "import pickle", ":2: imports pickle"),
    (check_no_pickle, "ml/a.py", "from joblib import dump", "imports joblib.dump"),
    (check_no_pickle, "ml/a.py", "import joblib\njoblib.dump(1, 'f')", ":3: uses joblib.dump"),
    (check_no_pickle, "tests/a.py", "rows.to_pickle('f')", "uses to_pickle"),
    (check_no_pickle, "models/a.py", "np.load('f', allow_pickle=True)", "allows pickles"),
]


def plant(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(("check", "path", "code", "expected"), BREACHES)
def test_a_planted_breach_is_found(
    check: Callable[[Path], list[str]], path: str, code: str, expected: str, tmp_path: Path
) -> None:
    offences = check(plant(tmp_path, path, f"{DOC}{code}\n"))
    assert len(offences) == 1
    assert offences[0].startswith(f"{path}:")
    assert expected in offences[0]


def test_a_module_without_docstring_is_found(tmp_path: Path) -> None:
    assert check_docstring_and_size(plant(tmp_path, "ml/a.py", "x = 1\n")) == ["ml/a.py:1: has no docstring"]


GOOD = {
    "features/signals/trade.py": "from features.datasets import TRADE\n\ndef f(trade):\n    return 1\n",
    "features/sources/baci.py": "from features.datasets import TRADE\nfrom .spec import SourceSpec\n",
    "features/panel.py": "from features import signals, store\n",
    "features/collection.py": "from features.sources import baci\nfrom features.store import Store\n",
    "models/targets.py": "from features import knowledge_time\nfrom models import model\n",
    "ml/weekly.py": "import mlflow\nimport joblib\nfrom features.store import Store\njoblib.Parallel(2)\n",
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_tree_passes(check: Callable[[Path], list[str]], tmp_path: Path) -> None:
    for path, text in GOOD.items():
        plant(tmp_path, path, DOC + text)
    assert check(tmp_path) == []


def test_a_heavy_import_behind_the_time_rules_is_found(tmp_path: Path) -> None:
    plant(tmp_path, "pandas.py", "")
    plant(tmp_path, "features/__init__.py", "")
    plant(tmp_path, "features/knowledge_time.py", "import pandas\n")
    assert probe_import(tmp_path, "features.knowledge_time") == ["pandas"]
