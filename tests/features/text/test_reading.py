"""What an item says as cues: relief, names that hide cues, where the item stands, and its tense."""

from __future__ import annotations

import pytest

from features.text.entities import find_entities
from features.text.items import Item
from features.text.reading import Reading, features_of, read
from features.text.tenses import tense_by_rules


def reading(title: str, language: str = "en", summary: str = "") -> Reading:
    return read(find_entities(Item("x", title, summary, language)))


@pytest.mark.parametrize(
    ("title", "language", "is_relief"),
    [
        ("Zambia lifts ban on copper concentrate exports", "en", True),
        ("Zambia bans copper concentrate exports for the rest of this year while a mine lifts output", "en", False),
        ("中国解除镓出口禁令", "zh", True),
        ("Le Niger lève l'interdiction d'exporter l'uranium", "fr", True),
        ("Copper mine expands", "en", False),
    ],
)
def test_relief_is_a_word_of_ending_close_to_what_it_ends(title: str, language: str, is_relief: bool) -> None:
    assert ("relief" in reading(title, language).title) == is_relief


def test_cues_in_the_name_of_a_company_do_not_count() -> None:
    assert "mining" not in reading("First Quantum Minerals names chief").title
    assert "mining" in reading("Minerals of the north").title


def test_the_summary_adds_to_everything_and_not_to_the_title() -> None:
    told = reading("Arlit stands still", summary="Uranium cannot leave, the border to Benin is closed.")
    assert "transport" in told.everything
    assert "transport" not in told.title
    assert "in_mining" in told.title


def test_an_item_without_mining_or_supplier_stands_outside() -> None:
    assert {"not_in_mining", "without_supplier"} <= reading("Nurses walk out in Leeds").title


def test_features_name_what_was_read() -> None:
    features = features_of(reading("On strike at Escondida copper mine in Chile"))
    assert {"title:strike", "any:strike", "kind:mine", "kind:one_supplier", "points:strike", "best:strike"} <= set(
        features
    )


@pytest.mark.parametrize(
    ("title", "tense"),
    [
        ("Chile denies plan to nationalise lithium, may tax it", "denied"),
        ("Miners may strike at Escondida from Monday", "threatened"),
        ("Indonesia will ban bauxite exports from June", "announced"),
        ("Indonesia bans bauxite exports", "happened"),
    ],
)
def test_denial_goes_before_possibility_before_future(title: str, tense: str) -> None:
    assert tense_by_rules(reading(title)) == tense
