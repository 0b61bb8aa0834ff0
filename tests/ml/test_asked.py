"""What options name is found in the catalogue, or refused with what is near."""

from __future__ import annotations

import pytest

from features.catalog import load_catalog
from features.errors import ConfigError
from features.knowledge_time import as_moment
from ml.asked import asked_mineral, asked_moment, asked_supplier

CATALOG = load_catalog()


def test_ids_are_taken_in_small_and_in_capital_letters():
    assert asked_supplier(CATALOG, "cod") == asked_supplier(CATALOG, "COD") == "COD"
    assert asked_mineral(CATALOG, "Cobalt") == "cobalt"


@pytest.mark.parametrize(
    ("text", "words"),
    [("cobalr", "did you mean cobalt"), ("gall", "gallium"), ("unob", "there are "), ("", "there are ")],
)
def test_a_mineral_that_there_is_not_is_refused_with_what_is_near(text: str, words: str):
    with pytest.raises(ConfigError, match=f"^--mineral: no mineral is called '{text}'; .*{words}"):
        asked_mineral(CATALOG, text)


@pytest.mark.parametrize(
    ("text", "words"), [("CHI", "CHL"), ("chille", r"CHL \(Chile\)"), ("ZZZ", "alpha-3"), ("COD|ZZZ", "COD")]
)
def test_a_supplier_that_there_is_not_is_refused_with_what_is_near(text: str, words: str):
    with pytest.raises(ConfigError, match=f"^--target: no supplier is called .*{words}"):
        asked_supplier(CATALOG, text, option="--target")


def test_a_date_of_knowledge_is_none_of_the_future():
    now = as_moment("2026-11-23")
    assert asked_moment(None, now=now) == now
    assert asked_moment("0001-01-01", now=now).year == 1
    for text in ("2026-11-24", "May", "9999-12-31"):
        with pytest.raises(ConfigError, match=f"--as-of: .*{text}"):
            asked_moment(text, now=now)
