"""The codebook names everything there is, says from when it is known, and is up to date."""

from __future__ import annotations

import re

from features.codebook import FORECAST_ROW, PATH, UNITS, codebook_markdown
from features.panel import SIGNALS, features_of
from features.signals.declaration import Feature, Signal


def family(**changes) -> Signal:
    usual = {
        "name": "trade",
        "needs": ("trade",),
        "features": (Feature("trade_oddity", "count", "Odd | ones."),),
        "steps": lambda tables, catalog: [],
    }
    return Signal(**(usual | changes))


def first_cells(page: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE)


def test_page_in_docs_is_up_to_date():
    assert PATH.read_text(encoding="utf-8") == codebook_markdown(SIGNALS), "run: make codebook"


def test_every_feature_has_exactly_one_line_with_its_unit_and_sentence():
    page = codebook_markdown(SIGNALS)
    cells = first_cells(page)
    for feature in features_of():
        assert cells.count(feature.name) == 1
        assert f"| `{feature.name}` | {feature.unit} | {feature.sentence} |" in page


def test_every_unit_in_use_is_explained():
    assert {feature.unit for feature in features_of()} <= set(UNITS)


def test_forecast_row_is_the_contracts():
    # ml.contract is above this room, so only the test may compare the two.
    from ml import contract

    assert [column.name for column in FORECAST_ROW] == list(contract.COLUMNS)
    assert all(column.sentence.endswith(".") and column.unit for column in FORECAST_ROW)


def test_lag_rule_of_every_dataset_of_a_family_is_stated():
    page = codebook_markdown([family(needs=("trade", "governance"))])
    assert "year t is available on 1 February of t+2" in page
    assert "year t is available on 1 October of t+1" in page


def test_a_new_feature_changes_the_page_and_a_bar_in_a_sentence_stays_in_its_cell():
    page = codebook_markdown([family()])
    assert "trade_oddity" in first_cells(page)
    assert r"Odd \| ones." in page
    assert page != codebook_markdown([family(features=())])
