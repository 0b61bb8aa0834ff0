"""The notebooks as files: readable by anyone, free of results and of one machine's paths. CI runs them besides.

Each rule is a function from a notebook to its offences, so that the second half of this file can plant a
breach and see it found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# From the root of a Unix machine, from a Windows drive, or from somebody's home.
ABSOLUTE = re.compile(
    r"(?<![\w./:])(?:/(?:[A-Za-z]\w*/)+|/(?:home|tmp|work|root|Users|mnt|opt|var|srv)\b|~/|[A-Za-z]:\\)"
)
ADDRESS = re.compile(r"https?://\S+")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
SLUG = re.compile(r"[a-z]+(?:-[a-z0-9]+)*")
RANDOM_ID = re.compile(r"[0-9a-f]{8}")

Notebook = dict[str, Any]


def text_of(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


# ---- the rules ---------------------------------------------------------------------------------


def check_format(notebook: Notebook) -> list[str]:
    """It is a valid notebook of format 4.5 or newer, the first with ids of cells."""
    if (notebook.get("nbformat"), notebook.get("nbformat_minor", 0)) < (4, 5):
        return [f"format {notebook.get('nbformat')}.{notebook.get('nbformat_minor')} has no ids of cells"]
    try:
        nbformat.validate(nbformat.from_dict(notebook))
    except nbformat.ValidationError as problem:
        return [f"not a valid notebook: {problem.message}"]
    return []


def check_metadata(notebook: Notebook) -> list[str]:
    """It names the kernel python3 and nothing of the machine it was written on."""
    metadata = notebook["metadata"]
    offences = []
    if (name := metadata.get("kernelspec", {}).get("name")) != "python3":
        offences.append(f"the kernel is {name!r}, not 'python3'")
    if extra := set(metadata) - {"kernelspec", "language_info"}:
        offences.append(f"metadata {sorted(extra)} that nobody needs")
    if extra := set(metadata.get("language_info", {})) - {"name"}:
        offences.append(f"language_info {sorted(extra)} of one machine")
    return offences


def check_outputs(notebook: Notebook) -> list[str]:
    """No result is stored: what is shown is what the reader's own run gives."""
    return [
        f"cell {cell.get('id')}: {what} is stored"
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        for what, is_stored in (("an output", cell["outputs"]), ("a count", cell["execution_count"] is not None))
        if is_stored
    ]


def check_cells(notebook: Notebook) -> list[str]:
    """Each cell has a name of its own in plain words, no metadata, and something in it."""
    names = [cell.get("id", "") for cell in notebook["cells"]]
    offences = [f"cell {name!r}: the name is used twice" for name in sorted({x for x in names if names.count(x) > 1})]
    for name, cell in zip(names, notebook["cells"], strict=True):
        if not SLUG.fullmatch(name) or RANDOM_ID.fullmatch(name):
            offences.append(f"cell {name!r}: name it in words, such as 'calibration-text'")
        if cell["metadata"]:
            offences.append(f"cell {name!r}: has metadata {sorted(cell['metadata'])}")
        if not text_of(cell).strip():
            offences.append(f"cell {name!r}: is empty")
    return offences


def check_title(notebook: Notebook) -> list[str]:
    """The first cell is prose under one title; no other cell has a second."""
    first, *others = notebook["cells"]
    offences = []
    if first["cell_type"] != "markdown" or not re.match(r"# \S", text_of(first)):
        offences.append("the first cell has no title")
    offences += [
        f"cell {cell['id']}: a second title"
        for cell in others
        if cell["cell_type"] == "markdown" and re.search(r"^# ", text_of(cell), re.MULTILINE)
    ]
    return offences


def check_paths(notebook: Notebook) -> list[str]:
    """No path of one machine stands in it."""
    return [
        f"cell {cell['id']}: the path {found.group()}"
        for cell in notebook["cells"]
        if (found := ABSOLUTE.search(ADDRESS.sub("", text_of(cell))))
    ]


def check_state(notebook: Notebook) -> list[str]:
    """It keeps what it writes in a temporary folder."""
    code = "\n".join(text_of(cell) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [] if "tempfile.TemporaryDirectory()" in code else ["no temporary folder is made"]


def check_links(notebook: Notebook) -> list[str]:
    """A link to another file of the project leads somewhere."""
    return [
        f"cell {cell['id']}: {target} is not there"
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown"
        for target in LINK.findall(text_of(cell))
        if not (FOLDER / target).exists()
    ]


def check_assertions(notebook: Notebook) -> list[str]:
    """It checks what it claims."""
    code = "\n".join(text_of(cell) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [] if re.search(r"^\s*assert ", code, re.MULTILINE) else ["nothing in it is checked"]


RULES: tuple[Callable[[Notebook], list[str]], ...] = (
    check_format,
    check_metadata,
    check_outputs,
    check_cells,
    check_title,
    check_paths,
    check_state,
    check_links,
    check_assertions,
)


def read(path: Path) -> Notebook:
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_notebooks():
    assert NOTEBOOKS, f"none in {FOLDER}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.removeprefix("check_"))
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_the_rule(path: Path, rule: Callable[[Notebook], list[str]]):
    assert rule(read(path)) == [], rule.__doc__


# ---- the rules can fail ------------------------------------------------------------------------


def small() -> Notebook:
    code = "import tempfile\nscratch = tempfile.TemporaryDirectory()\nassert 1 / 2 == 0.5"
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "cells": [
            {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# A title\n\nWith https://x.org/a/b/c"},
            {"cell_type": "code", "id": "a-b", "metadata": {}, "source": code, "outputs": [], "execution_count": None},
        ],
    }


def in_cell(at: int, **changes: Any) -> Callable[[Notebook], None]:
    return lambda notebook: notebook["cells"][at].update(changes)


AN_OUTPUT = {"output_type": "stream", "name": "stdout", "text": "1"}
BREACHES: dict[str, tuple[Callable[[Notebook], list[str]], Callable[[Notebook], object]]] = {
    "an old format": (check_format, lambda notebook: notebook.update(nbformat_minor=2)),
    "an unknown kind of cell": (check_format, in_cell(1, cell_type="cell")),
    "two cells of one name": (check_cells, in_cell(1, id="title")),
    "another kernel": (check_metadata, lambda notebook: notebook["metadata"]["kernelspec"].update(name="mine")),
    "no kernel": (check_metadata, lambda notebook: notebook["metadata"].clear()),
    "a machine's version": (
        check_metadata,
        lambda notebook: notebook["metadata"].update(language_info={"name": "python", "version": "3.11.7"}),
    ),
    "an output": (check_outputs, in_cell(1, outputs=[AN_OUTPUT])),
    "a count": (check_outputs, in_cell(1, execution_count=1)),
    "a random id": (check_cells, in_cell(1, id="deadbeef")),
    "metadata of a cell": (check_cells, in_cell(1, metadata={"collapsed": True})),
    "an empty cell": (check_cells, in_cell(1, source=[" ", "\n"])),
    "no title": (check_title, in_cell(0, source="Some words")),
    "code first": (check_title, lambda notebook: notebook["cells"].pop(0)),
    "a second title": (check_title, lambda notebook: notebook["cells"].append({**notebook["cells"][0], "id": "again"})),
    "a path from the root": (check_paths, in_cell(1, source="open('/data/trade/x.csv')")),
    "a temporary path": (check_paths, in_cell(1, source="folder = '/tmp'")),
    "a home": (check_paths, in_cell(0, source="# See ~/notes")),
    "a drive": (check_paths, in_cell(1, source="open('C:\\\\data.csv')")),
    "state beside the notebook": (check_state, in_cell(1, source="assert True")),
    "a dead link": (check_links, in_cell(0, source="# See [it](../docs/none.md)")),
    "no check": (check_assertions, in_cell(1, source="1 / 2")),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.removeprefix("check_"))
def test_a_good_notebook_passes(rule: Callable[[Notebook], list[str]]):
    assert rule(small()) == []


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_found(breach: str):
    rule, breaks = BREACHES[breach]
    notebook = deepcopy(small())
    breaks(notebook)
    assert len(rule(notebook)) == 1
