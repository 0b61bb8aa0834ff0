"""What a message says: figures of the run that it is about, or the last ones told, under their own date."""

from __future__ import annotations

from features.catalog import load_catalog
from ml.alerts.facts import facts_of
from ml.alerts.importers import Shares
from ml.alerts.rules import read_rules
from ml.alerts.states import Change
from ml.alerts.texts import compose
from tests.ml.alerts.made_runs import MONDAY
from tests.ml.alerts.test_states import WEEK, Store, row


def told(change: Change, store: Store, *, weeks: int) -> dict:
    before = store.open[change.warning.warning_id]
    more = {"drivers": ["exports fell"], "data_as_of": "2026-02-01", "model": "lightgbm 1"}
    about = {"rules": read_rules("", where="defaults"), "catalog": load_catalog(), "shares": Shares(), "record": None}
    return facts_of(change, before, more, as_of=MONDAY + weeks * WEEK, run_id="run-x", **about)  # type: ignore[arg-type]


def test_a_warning_that_ends_with_its_window_shows_the_last_figures_told_under_their_date() -> None:
    store = Store()
    (raised,) = store.run(row(0.6, change=0.2)).changes
    over = Change(raised.warning, "cleared", "window_over", "single")
    first = (MONDAY + WEEK).date().isoformat()
    facts = told(over, store, weeks=40)
    assert (facts["figures_as_of"], facts["change"], facts["drivers"], facts["model"]) == (first, None, [], None)
    text = compose("", "W/2", facts, language="en", is_drill=False, address="").text
    assert f"as of {first}" in text
    assert "exports fell" not in text


def test_a_change_of_the_run_itself_shows_the_runs_figures() -> None:
    store = Store()
    (raised,) = store.run(row(0.6, change=0.2)).changes
    facts = told(Change(raised.warning, "updated", "higher", "single"), store, weeks=2)
    assert facts["figures_as_of"] == (MONDAY + 2 * WEEK).date().isoformat()
    assert (facts["change"], facts["drivers"]) == (0.2, ["exports fell"])
