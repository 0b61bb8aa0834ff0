"""Governance: newest score and three-year change by hand, and nothing left of what was withdrawn."""

from __future__ import annotations

import math

import pandas as pd

from features import panel
from features.signals import governance
from tests.builders import rows, utc


def score(year: int, estimate: float, known: str | None = None, supplier: str = "COD", **other) -> dict:
    usual = {"indicator": "rule_of_law", "available_at": utc(known or f"{year + 1}-10-01")}
    return {"year": year, "supplier": supplier, "estimate": estimate} | usual | other


def at(records: list[dict], day: str, supplier: str = "COD") -> pd.Series:
    steps = governance.SIGNAL.steps({"governance": rows("governance", records)}, None)
    index = pd.DataFrame({"mineral": ["cobalt"], "supplier": [supplier], "as_of": [utc(day)]})
    return panel.join_steps(index, {"governance": steps}).iloc[0][governance.SIGNAL.columns]


SCORES = [score(2010, -1.0), score(2011, -0.9), score(2012, -0.7), score(2013, -0.4)]


def test_the_newest_score_and_its_change_over_three_years():
    row = at(SCORES, "2014-10-06")
    assert row["governance_rule_of_law"] == -0.4
    assert row["governance_rule_of_law_change_3y"] == -0.4 - -1.0
    early = at(SCORES, "2014-09-29")
    assert early["governance_rule_of_law"] == -0.7
    assert math.isnan(early["governance_rule_of_law_change_3y"])


def test_an_indicator_nobody_filled_is_missing():
    row = at(SCORES, "2014-10-06").drop(["governance_rule_of_law", "governance_rule_of_law_change_3y"])
    assert len(row) == 10
    assert row.isna().all()


def test_a_supplier_without_scores_is_missing():
    assert at(SCORES, "2014-10-06", "CHN").isna().all()


def test_a_revision_of_an_older_year_changes_the_change():
    revised = [*SCORES, score(2010, -2.0, "2015-03-02")]
    assert at(revised, "2015-02-23")["governance_rule_of_law_change_3y"] == -0.4 - -1.0
    assert at(revised, "2015-03-02")["governance_rule_of_law_change_3y"] == -0.4 - -2.0


def test_a_withdrawn_score_gives_way_to_the_one_before():
    withdrawn = [*SCORES, score(2013, -0.4, "2015-03-02", is_retracted=True)]
    assert at(withdrawn, "2015-02-23")["governance_rule_of_law"] == -0.4
    assert at(withdrawn, "2015-03-02")["governance_rule_of_law"] == -0.7


def test_a_supplier_all_of_whose_scores_were_withdrawn_has_none():
    only = [score(2013, 0.5, supplier="CHN"), score(2013, 0.5, "2015-03-02", supplier="CHN", is_retracted=True)]
    assert at([*SCORES, *only], "2015-02-23", "CHN")["governance_rule_of_law"] == 0.5
    assert at([*SCORES, *only], "2015-03-02", "CHN").isna().all()
    assert at([*SCORES, *only], "2015-03-02", "COD")["governance_rule_of_law"] == -0.4
    assert at(only, "2015-03-02", "CHN").isna().all()
    again = [*only, score(2014, 0.25, supplier="CHN")]
    assert at(again, "2015-10-05", "CHN")["governance_rule_of_law"] == 0.25
