"""Patterns of events: what they match, which hit hides which, and faults in their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import BadInput
from features.text.languages import language_of
from features.text.normal import folded
from features.text.patterns import Patterns, packaged_patterns, read_patterns


def patterns(*rows: tuple[str, str, str]) -> Patterns:
    return Patterns([{"language": language, "cue": cue, "pattern": pattern} for language, cue, pattern in rows])


def cues(found: Patterns, text: str, language: str = "en") -> list[str]:
    return [cue for hit in found.hits(folded(text), language) for cue in hit.cues]


@pytest.mark.parametrize(
    ("pattern", "language", "text", "is_there"),
    [
        ("ban", "en", "Ban on ore", True),
        ("ban", "en", "Bank of Chile", False),
        ("ban", "en", "urban mine", False),
        ("strik*", "en", "Miners striking", True),
        ("strik*", "en", "airstrikes", False),
        ("{ends|averts}*{strike|walkout}", "en", "deal averts long walkout", True),
        ("{ends|averts}*{strike|walkout}", "en", "trends: long walkouts", False),
        ("{slams|shuts} {the|its} door*", "en", "China shuts its doors", True),
        ("*verbot", "de", "Ausfuhrverbot verhängt", True),
        ("grève*", "fr", "GREVES A KOLWEZI", True),
        ("禁止", "zh", "印尼將禁止鋁土出口", True),
        ("管制", "zh", "出口許可", False),
        ("輸出規制", "ja", "中国の輸出規制", True),
        ("파업", "ko", "노조가 파업에 돌입", True),
        ("contrôle* des exportations", "fr", "contrôles des exportations", True),
        ("contrôle* des exportations", "fr", "contrôles. Hausse des exportations", False),
        ("забастов*", "ru", "Забастовка на руднике", True),
    ],
)
def test_a_pattern_is_whole_words_unless_a_star_leaves_it_open(
    pattern: str, language: str, text: str, is_there: bool
) -> None:
    assert bool(cues(patterns((language, "cue", pattern)), text, language)) == is_there


def test_a_hit_inside_a_longer_one_does_not_count() -> None:
    found = patterns(("en", "strike", "strike"), ("en", "other_strike", "missile strike"))
    assert cues(found, "missile strike") == ["other_strike"]
    assert cues(found, "strike after missile strike") == ["strike", "other_strike"]


def test_a_noun_inside_a_longer_hit_stays() -> None:
    found = patterns(("en", "export", "exports"), ("en", "ban", "halts exports"))
    assert sorted(cues(found, "Zambia halts exports")) == ["ban", "export"]


def test_a_hit_where_a_longer_one_has_a_star_counts() -> None:
    found = patterns(("en", "relief", "{ends|lifts}*{exports|sales}"), ("en", "ban", "ban"), ("en", "undo", "ends"))
    assert cues(found, "ends ban on exports") == ["relief", "ban"]


def test_words_of_tense_leave_the_word_in_them() -> None:
    found = patterns(("en", "announce", "to {ban|halt}"), ("en", "ban", "ban"), ("en", "elsewhere", "to halt"))
    assert cues(found, "Gabon to ban exports") == ["announce", "ban"]


def test_a_stem_and_the_word_it_begins_are_one_place() -> None:
    found = patterns(("fr", "ban", "interdi*"), ("fr", "announce", "interdira"))
    assert sorted(cues(found, "Le Gabon interdira", "fr")) == ["announce", "ban"]


@pytest.mark.parametrize(
    ("text", "tag", "language"),
    [
        ("鉱山でスト", "zh", "ja"),
        ("구리 광산 파업", "", "ko"),
        ("铜矿罢工", "", "zh"),
        ("銅輸出規制", "ja", "ja"),
        ("забастовка на шахте", "en", "ru"),
        ("grève à la mine de cuivre", "fr-CD", "fr"),
        ("huelga en la mina de cobre de los andes", "", "es"),
        ("mogok kerja di tambang yang besar untuk upah", "", "id"),
        ("bhp", "", "en"),
    ],
)
def test_the_script_outweighs_the_tag(text: str, tag: str, language: str) -> None:
    assert language_of(folded(text), tag) == language


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("xx,ban,word,", "language"),
        ("en,Ban,word,", "cue"),
        ("en,ban,*,", "pattern"),
        ("en,ban,word", "row"),
        ("en,ban,one,\nen,tax,one,", "pattern"),
    ],
)
def test_a_fault_in_the_file_is_told_with_its_place(row: str, field: str, tmp_path: Path) -> None:
    file = tmp_path / "event_patterns.csv"
    file.write_text(f"language,cue,pattern,note\n{row}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=rf"event_patterns.csv, row \d, {field}"):
        read_patterns(file)


def test_the_packaged_patterns_have_every_language() -> None:
    for language, text in {
        "en": "on strike", "zh": "罢工", "ja": "ストライキ", "ko": "파업", "fr": "grève", "es": "huelga", "pt": "greve",
        "id": "mogok", "de": "Streik", "ru": "забастовка",
    }.items():  # fmt: skip
        assert "strike" in cues(packaged_patterns(), text, language), language
