"""The page about sources says what their declarations say, names every one, and is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.collection import SOURCES, source
from features.collection.source_pages import NOTES, PATH, sources_markdown
from tests.tea import one_request, tea_source


def test_the_page_in_docs_is_up_to_date():
    assert PATH.read_text(encoding="utf-8") == sources_markdown(), "run: make data-sources"


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_a_section_with_what_it_declares(name: str):
    spec, page = source(name).SPEC, sources_markdown()
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for fact in (
        spec.publisher,
        spec.address,
        spec.licence,
        spec.citation,
        spec.lag_rule,
        spec.takes,
        spec.key_setting,
    ):
        assert fact.replace("|", r"\|") in section
    assert len(section.splitlines()) > 15, "a source says what is known to go wrong, in its notes or its description"


def test_every_note_belongs_to_a_source():
    assert {path.stem for path in NOTES.glob("*.md")} <= set(SOURCES)


def test_what_a_source_declares_changes_its_section(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    module = tea_source(monkeypatch)
    module.__doc__ = "Tea.\n\nGoes cold."
    plain = sources_markdown(["tea"], notes=tmp_path)
    assert "| `oresight collect` | no: download it at the address above |" in plain
    assert "may not be passed on" in plain
    assert "Goes cold." in plain
    assert "not yet seen live" not in plain
    spec = {"key_setting": "TEA_KEY", "hosts": ("tea.example.org",), "seen_live": False, "may_redistribute": True}
    tea_source(monkeypatch, spec=spec, requests=one_request, WITHDRAWS=True)
    (tmp_path / "tea.md").write_text("Noted.\n")
    changed = sources_markdown(["tea"], notes=tmp_path)
    for words in (
        "`tea.example.org`",
        "needs a key in `TEA_KEY`",
        "**not yet seen live**",
        "counts as withdrawn",
        "Noted.",
    ):
        assert words in changed
    assert "may be passed on" in changed
