"""Facts: a source that changes its unit is found in its first week, a market that halves is not mistaken for one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from features import datasets
from ml.drift.ages import check_ages
from ml.drift.figures import FIGURES, check_figures, check_revisions
from ml.drift.measures import as_table, findings
from tests.builders import BUYERS, HS_CODES, flow, price, rows, utc

SUPPLIERS = ("AUS", "CHN", "COD", "ZAF", "CAN", "PER", "CHL", "IDN")
YEARS = range(2000, 2006)
CHAMPION = ("trade", "mirror_trade")
KEYS = {name: list(datasets.dataset(name).key) for name in FIGURES}


def trade(times: Mapping[int, float] | None = None, **other: str) -> pd.DataFrame:
    """Flows of four products between eight suppliers and four buyers; the tonnes of some years times a factor."""
    rng = np.random.default_rng(0)
    records = []
    for year in YEARS:
        for hs_code in HS_CODES:
            for supplier in SUPPLIERS:
                for importer in BUYERS:
                    if supplier != importer:
                        tonnes = float(np.exp(rng.normal(5, 0.3))) * (times or {}).get(year, 1.0)
                        records.append(flow(year, supplier, importer, tonnes, hs_code=hs_code, **other))
    return rows("trade", records)


def alarms(table: pd.DataFrame, name: str = "trade") -> dict[str, str]:
    told = findings(as_table(check_figures({name: table}, weighted=CHAMPION)))
    return dict(zip(told["feature"], told["level"], strict=True))


def test_figures_of_the_usual_size_tell_nothing() -> None:
    assert alarms(trade()) == {}
    assert len(check_figures({"trade": trade()}, weighted=CHAMPION)) == 2


@pytest.mark.parametrize(("factor", "level"), [(1000, "stop"), (0.001, "stop"), (2.2046, "watch"), (0.4536, "watch")])
def test_another_unit_is_an_alarm_and_names_the_factor(factor: float, level: str) -> None:
    table = trade({2005: factor})
    # The values are made of the tonnes, so both columns jump.
    assert alarms(table)["trade.test.quantity_tonnes"] == level
    told = as_table(check_figures({"trade": table}, weighted=CHAMPION)).iloc[0]
    assert (" times " if factor > 1 else "one part in ") in told["sentence"]
    assert "has the unit changed?" in told["sentence"]
    assert told["value"] == pytest.approx(np.log10(factor), abs=0.1)


def test_exports_that_fall_by_a_fifth_everywhere_are_no_alarm() -> None:
    assert "watch" not in alarms(trade({2005: 0.8})).values()


def test_one_product_in_another_unit_is_a_watch_of_its_own() -> None:
    table = trade()
    is_spoilt = table["hs_code"].eq("810510") & table["year"].eq(2005)
    table["quantity_tonnes"] = table["quantity_tonnes"].where(~is_spoilt, table["quantity_tonnes"] * 1000)
    assert alarms(table)["trade.test.quantity_tonnes.810510"] == "watch"
    assert "stop" not in alarms(table).values()


def test_one_price_series_in_another_unit_is_found_alone() -> None:
    months = [f"2005-{month:02d}" for month in range(1, 7)]
    records = [price(name, month, 100.0) for name in "abcdefghijklmnopqrstuvwxyz" for month in months]
    table = rows("prices", records)
    assert alarms(table, "prices") == {}
    is_spoilt = table["series"].eq("k") & table["starts_on"].eq(utc("2005-06-01"))
    table["price"] = table["price"].where(~is_spoilt, 220_462.0)
    assert alarms(table, "prices") == {"prices.pink_sheet.price.k": "watch"}


def test_what_the_model_does_not_read_stops_nothing() -> None:
    table = trade({2005: 1000.0})
    told = as_table(check_figures({"trade": table}, weighted=("prices",)))
    assert told["level"].iloc[0] == "watch"


def test_a_history_that_was_rewritten_in_another_unit_is_found_although_its_years_agree() -> None:
    old = trade()
    new = trade(dict.fromkeys(YEARS, 1000.0)).assign(available_at=utc("2008-02-01"))
    both = pd.concat([old, new], ignore_index=True)
    assert alarms(both) == {}
    at = utc("2008-02-04")
    told = as_table(check_revisions({"trade": both}, at, KEYS, weighted=CHAMPION))
    assert told["level"].tolist() == ["stop", "stop"]
    assert told["value"].tolist() == pytest.approx([3.0, 3.0])
    later = check_revisions({"trade": both}, utc("2008-06-02"), KEYS, weighted=CHAMPION)
    assert later == []


def test_a_withdrawn_figure_is_not_compared() -> None:
    table = trade({2005: 1000.0})
    gone = table[table["year"].eq(2005)].assign(is_retracted=True, available_at=utc("2008-02-01"))
    assert alarms(pd.concat([table, gone], ignore_index=True)) == {}


def test_a_source_is_old_by_its_own_calendar_and_a_fresh_one_beside_it_excuses_it() -> None:
    def facts(**newest: str) -> pd.DataFrame:
        return pd.DataFrame({"source": list(newest), "available_at": [utc(day) for day in newest.values()]})

    def told(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
        allowed = {"baci": 430, "comtrade": 200}
        found = as_table(check_ages(tables, utc("2010-06-07"), weighted=CHAMPION, allowed=allowed))
        return dict(zip(found["feature"], found["level"], strict=True))

    assert told({"trade": facts(baci="2010-02-01")}) == {"trade.baci": "fine"}
    assert told({"trade": facts(baci="2009-02-01")}) == {"trade.baci": "watch"}
    # A lost source degrades a run and does not stop it, however old.
    assert told({"trade": facts(baci="1999-02-01")}) == {"trade.baci": "watch"}
    both = told({"trade": facts(baci="2009-02-01", comtrade="2010-05-01")})
    assert both == {"trade.baci": "note", "trade.comtrade": "fine"}
    assert told({"production": facts(baci="2009-02-01")}) == {"production.baci": "note"}
