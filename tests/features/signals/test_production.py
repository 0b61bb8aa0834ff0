"""Production: shares, concentration, changes and the choice of publisher by hand; unknown is not zero."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features import panel
from features.catalog import load_catalog
from features.signals import production
from features.signals.declaration import Steps
from features.signals.production_history import choose_now, choose_record, publishers
from features.sources import bgs, usgs_mcs
from tests.builders import SUPPLIERS, rows, utc
from tests.once import once


def mined(year: int, supplier: str, tonnes: float, mineral: str = "cobalt", **other) -> dict:
    usual = {"is_estimated": False, "available_at": utc(f"{year + 2}-05-01")}
    return {"year": year, "mineral": mineral, "supplier": supplier, "quantity_tonnes": tonnes} | usual | other


def at(records: list[dict], day: str, supplier: str = "COD", mineral: str = "cobalt", share: float = 0.2) -> pd.Series:
    index = pd.DataFrame({"mineral": [mineral], "supplier": [supplier], "as_of": [utc(day)]})
    return joined_at(records, index, share).iloc[0]


@once
def steps_of(records: list[dict]) -> list[Steps]:
    return production.SIGNAL.steps({"production": rows("production", records)}, None)


def joined_at(records: list[dict], index: pd.DataFrame, share: float = 0.2) -> pd.DataFrame:
    joined = panel.join_steps(index, {"production": steps_of(records)}).assign(trade_share_3y=share)
    extra = production.combine(joined)
    return joined.drop(columns=[name for name in extra if name in joined]).join(extra)


TWO_YEARS = [mined(2018, "COD", 60), mined(2018, "CHN", 40), mined(2019, "COD", 90), mined(2019, "CHN", 10)]


def test_shares_concentration_and_growth_of_the_last_known_year():
    row = at(TWO_YEARS, "2021-05-03")
    assert row["production_share"] == pytest.approx(0.9)
    assert row["production_hhi"] == pytest.approx(0.82)
    assert row["production_growth_1y"] == pytest.approx(math.log(90 / 60))
    assert row["production_is_producer"] == 1.0
    assert row["production_mine_to_export"] == pytest.approx(math.log(0.9001 / 0.2001))
    early = at(TWO_YEARS, "2021-04-26")
    assert early["production_share"] == pytest.approx(0.6)
    assert math.isnan(early["production_growth_1y"])


def test_before_the_first_figures_everything_is_missing():
    assert at(TWO_YEARS, "2020-04-27")[production.SIGNAL.columns].isna().all()


def test_a_pair_outside_a_known_table_produces_nothing():
    row = at(TWO_YEARS, "2021-05-03", "AUS")
    assert (row["production_share"], row["production_is_producer"]) == (0.0, 0.0)
    assert math.isnan(row["production_growth_1y"])


def test_a_mineral_without_a_table_is_missing():
    row = at(TWO_YEARS, "2021-05-03", mineral="tin")
    assert row[production.SIGNAL.columns].isna().all()


def test_a_stop_of_production_is_the_lowest_growth():
    row = at([*TWO_YEARS, mined(2020, "COD", 0), mined(2020, "CHN", 10)], "2022-05-02")
    assert row["production_growth_1y"] == -4.0
    assert row["production_is_producer"] == 0.0


def test_a_revision_counts_from_when_it_is_known():
    revised = [*TWO_YEARS, mined(2019, "COD", 30, available_at=utc("2022-01-03"))]
    assert at(revised, "2021-12-27")["production_share"] == pytest.approx(0.9)
    assert at(revised, "2022-01-03")["production_share"] == pytest.approx(0.75)


def test_a_pair_all_of_whose_figures_were_withdrawn_is_no_producer():
    wrong = mined(2019, "AUS", 100)
    records = [*TWO_YEARS, wrong, {**wrong, "available_at": utc("2022-01-03"), "is_retracted": True}]
    assert at(records, "2021-12-27", "AUS")["production_share"] == pytest.approx(0.5)
    after = at(records, "2022-01-03", "AUS")
    assert (after["production_share"], after["production_is_producer"]) == (0.0, 0.0)
    assert at(records, "2022-01-03")["production_share"] == pytest.approx(0.9)


# --- changes over time ----------------------------------------------------------------------------


def record(tonnes: dict[int, float], supplier: str = "COD", **other) -> list[dict]:
    return [mined(year, supplier, value, **other) for year, value in tonnes.items()]


def test_level_and_worst_change_of_a_record_by_hand():
    row = at(record({2014: 50, 2015: 100, 2016: 80, 2017: 60, 2018: 100, 2019: 120}), "2021-05-03")
    assert row["production_level_vs_3y"] == pytest.approx(math.log(120 / 80))
    assert row["production_growth_1y"] == pytest.approx(math.log(120 / 100))
    assert row["production_worst_change_5y"] == pytest.approx(math.log(60 / 80))
    assert row["production_age_years"] == 2.0
    assert at(record({2019: 120}), "2023-01-02")["production_age_years"] == 4.0


def test_a_level_needs_two_of_the_three_years_before():
    assert at(record({2016: 80, 2018: 100, 2019: 45}), "2021-05-03")["production_level_vs_3y"] == pytest.approx(
        math.log(0.5)
    )
    assert math.isnan(at(record({2016: 80, 2019: 45}), "2021-05-03")["production_level_vs_3y"])


def test_a_producer_without_a_figure_is_unknown_not_nothing():
    # The publisher lists it no more, or says "not available"; others are listed for the year.
    row = at([*record({2017: 50, 2018: 60}), mined(2019, "CHN", 40)], "2021-05-03")
    assert row["production_is_producer"] == 1.0
    assert row[["production_share", "production_growth_1y", "production_mine_to_export"]].isna().all()
    long_ago = at([*record({2015: 50, 2016: 60}), mined(2019, "CHN", 40)], "2021-05-03")
    assert (long_ago["production_share"], long_ago["production_is_producer"]) == (0.0, 0.0)


# --- who speaks -----------------------------------------------------------------------------------


def of(source: str, tonnes: dict[int, float], supplier: str = "COD", **other) -> list[dict]:
    return record(tonnes, supplier, source=source, **other)


def test_the_freshest_speaks_for_now_and_the_freshest_long_record_for_changes():
    known = rows(
        "production",
        [
            *of("short_fresh", {2022: 1, 2023: 1}),
            *of("long_old", dict.fromkeys(range(1990, 2021), 1.0)),
            *of("long_fresh", dict.fromkeys(range(2018, 2023), 1.0)),
            *of("only_short", {2020: 1}, mineral="tin"),
            *of("short_longer", {2018: 1, 2019: 1}, mineral="tin"),
            *of("b_tie", {2020: 1, 2021: 1}, mineral="copper"),
            *of("a_tie", {2020: 1, 2021: 1}, mineral="copper"),
            *of("tie_longer", {2019: 1, 2020: 1, 2021: 1}, mineral="copper"),
        ],
    )
    records = publishers(known)
    assert dict(choose_now(records)[["mineral", "source"]].to_numpy()) == {
        "cobalt": "short_fresh",
        "copper": "tie_longer",
        "tin": "only_short",
    }
    assert dict(choose_record(records)[["mineral", "source"]].to_numpy()) == {
        "cobalt": "long_fresh",
        "copper": "tie_longer",
        "tin": "short_longer",
    }
    twins = records[records["source"].isin(["a_tie", "b_tie"])]
    assert choose_now(twins)["source"].tolist() == ["a_tie"]


SUMMARIES_2025 = {"source": "usgs_mcs", "available_at": utc("2025-01-31")}
SUMMARIES_2026 = {"source": "usgs_mcs", "available_at": utc("2026-01-31")}
BOTH = [
    # One publisher counts metal, the other ore: a thousand times more.
    *of("world_mining_data", {2019: 100, 2020: 100, 2021: 100, 2022: 80}),
    *of("world_mining_data", {2022: 20}, "CHN"),
    *record({2023: 90_000, 2024: 60_000}, **SUMMARIES_2025),
    *record({2023: 30_000, 2024: 40_000}, "CHN", **SUMMARIES_2025),
]


def test_no_ratio_mixes_two_publishers():
    before, after = at(BOTH, "2025-01-27"), at(BOTH, "2025-02-03")
    assert before["production_share"] == pytest.approx(0.8)
    assert after["production_share"] == pytest.approx(0.6)
    assert after["production_hhi"] == pytest.approx(0.36 + 0.16)
    for row in (before, after):
        assert row["production_growth_1y"] == pytest.approx(math.log(0.8))
        assert row["production_level_vs_3y"] == pytest.approx(math.log(0.8))
    assert math.isnan(before["production_estimate_change"])
    assert (before["production_age_years"], after["production_age_years"]) == (3.0, 1.0)


def test_an_estimate_is_held_against_the_same_releases_revised_figure():
    later = [*BOTH, *record({2024: 120_000, 2025: 108_000}, **SUMMARIES_2026)]
    assert at(later, "2025-12-29")["production_estimate_change"] == pytest.approx(math.log(60 / 90))
    # Against the first estimate of 2024 it would be a rise of 80 %.
    assert at(later, "2026-02-02")["production_estimate_change"] == pytest.approx(math.log(0.9))


def test_a_small_producer_that_the_freshest_does_not_list_stays_a_producer():
    records = [*BOTH, *of("world_mining_data", {2021: 5, 2022: 6}, "ZMB")]
    row = at(records, "2025-02-03", "ZMB")
    assert row["production_is_producer"] == 1.0
    assert math.isnan(row["production_share"])
    assert at(records, "2025-01-27", "ZMB")["production_share"] == pytest.approx(6 / 106)
    assert at(records, "2025-02-03", "JPN")["production_is_producer"] == 0.0


# --- a plain twin, and the replay law -------------------------------------------------------------


def random_records(seed: int) -> list[dict]:
    """Three publishers with their own lags; revisions and withdrawals, many of them at one moment."""
    rng = np.random.default_rng(seed)
    lags = {"usgs_mcs": (1, "01-31"), "bgs": (2, "05-01"), "world_mining_data": (2, "05-01")}
    records = []
    for source, (years, day) in lags.items():
        for year in range(2010, 2016):
            for supplier in SUPPLIERS:
                for mineral in ("cobalt", "tin"):
                    moment = utc(f"{year + years}-{day}")
                    for number in range(rng.choice([0, 1, 2], p=[0.25, 0.5, 0.25])):
                        tonnes = float(rng.choice([0.0, rng.integers(1, 100)]))
                        gone = bool(number and rng.random() < 0.3)
                        about = {"source": source, "available_at": moment, "is_retracted": gone}
                        records.append(mined(year, supplier, tonnes, mineral, **about))
                        moment = moment + pd.DateOffset(months=int(rng.choice([5, 12, 24])))
    return records


def plain_twin(records: list[dict], moment: pd.Timestamp, mineral: str, supplier: str) -> dict[str, float]:
    """Say the same from dictionaries and loops."""
    newest: dict[tuple, dict] = {}
    for one in sorted(records, key=lambda one: one["available_at"]):
        if one["available_at"] <= moment and one["mineral"] == mineral:
            newest[one["source"], one["year"], one["supplier"]] = one
    facts = {key: one["quantity_tonnes"] for key, one in newest.items() if not one["is_retracted"]}
    years: dict[str, set[int]] = {}
    for source, year, _ in facts:
        years.setdefault(source, set()).add(year)
    if not years:
        return {}
    now = min(years, key=lambda s: (-max(years[s]), -len(years[s]), s))
    long = [s for s in years if len(years[s]) >= 4]
    best = (lambda s: (-max(years[s]), -len(years[s]), s)) if long else (lambda s: (-len(years[s]), -max(years[s]), s))
    own = min(long or years, key=best)

    def figure(source: str, back: int, who: str = supplier) -> float:
        return facts.get((source, max(years[source]) - back, who), math.nan)

    def log(above: float, below: float) -> float:
        if math.isnan(above) or not below > 0:
            return math.nan
        return max(-4.0, min(4.0, math.log(above / below))) if above > 0 else -4.0

    def produces(who: str) -> bool:
        for source in years:
            seen = [value for back in range(3) if not math.isnan(value := figure(source, back, who))]
            if seen and seen[0] > 0:
                return True
        return False

    known = {who: figure(now, 0, who) for who in SUPPLIERS}
    known = {who: 0.0 if math.isnan(value) and not produces(who) else value for who, value in known.items()}
    world = sum(value for value in known.values() if not math.isnan(value))
    before = [value for back in (1, 2, 3) if not math.isnan(value := figure(own, back))]
    changes = [value for back in range(5) if not math.isnan(value := log(figure(own, back), figure(own, back + 1)))]
    found = {
        "production_share": known[supplier] / world if world else math.nan,
        "production_growth_1y": log(figure(own, 0), figure(own, 1)),
        "production_level_vs_3y": log(figure(own, 0), sum(before) / len(before)) if len(before) > 1 else math.nan,
        "production_worst_change_5y": min(changes, default=math.nan),
        "production_is_producer": float(produces(supplier)),
    }
    if "usgs_mcs" in years:
        found["production_estimate_change"] = log(figure("usgs_mcs", 0), figure("usgs_mcs", 1))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_steps_agree_with_a_plain_twin(seed: int):
    records = random_records(seed)
    days = utc("2010-06-01") + pd.to_timedelta(np.random.default_rng(seed).integers(0, 2500, 25), "D")
    index = pd.MultiIndex.from_product([["cobalt", "tin"], SUPPLIERS, days], names=panel.KEYS).to_frame(index=False)
    compared = 0
    for row in joined_at(records, index.astype({"as_of": "datetime64[us, UTC]"})).to_dict("records"):
        for name, value in plain_twin(records, row["as_of"], row["mineral"], row["supplier"]).items():
            if not math.isnan(row["production_hhi"]):
                assert row[name] == pytest.approx(value, nan_ok=True), (name, row)
                compared += 1
    assert compared > 400


def replayed(table: pd.DataFrame, full: list[Steps], dates: list[pd.Timestamp], minerals, suppliers) -> None:
    for date in dates:
        cut = table[table["available_at"] <= date].reset_index(drop=True)
        offsets = [date - pd.Timedelta(offset) for offset in ("0D", "1us", "200D", "900D")]
        index = pd.MultiIndex.from_product([minerals, suppliers, offsets], names=panel.KEYS).to_frame(index=False)
        index = index.astype({"mineral": "str", "supplier": "str", "as_of": "datetime64[us, UTC]"})
        steps = production.SIGNAL.steps({"production": cut}, None)
        one, two = (panel.join_steps(index, {"production": each}) for each in (steps, full))
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        assert two.drop(columns=panel.KEYS).notna().any().any()


@pytest.mark.parametrize(("seed", "days"), [(0, ["2012-02-06", "2019-07-01"]), (1, ["2015-05-01"])])
def test_several_publishers_with_revisions_replay(seed: int, days: list[str]):
    records = random_records(seed)
    replayed(rows("production", records), steps_of(records), list(map(utc, days)), ["cobalt", "tin"], SUPPLIERS)


@pytest.mark.shared
def test_the_real_publishers_replay_and_are_quick(shared: Path):
    now = utc("2026-11-25").to_pydatetime()
    paths = [*((shared / "payloads/bgs").glob("BGS_[cgln]*.csv"))]
    paths += [shared / "payloads/usgs_mcs/2025/MCS2025_World_Data.csv"]
    paths += [shared / "payloads/usgs_mcs/2026/MCS2026_Commodities_Data.csv"]
    tables = []
    for path in paths:
        module = bgs if path.name.startswith("BGS") else usgs_mcs
        raw = module.parse(path)
        found = module.harmonise(raw, load_catalog(), file=path.name, lag=module.SPEC.lag, now=now)
        tables.append(found.tables["production"])
    minerals = ["cobalt", "copper", "gallium", "lithium"]
    # Each year is two moments at which everything is computed again.
    table = pd.concat(tables, ignore_index=True).query("mineral in @minerals and year >= 1990").reset_index(drop=True)
    full = production.SIGNAL.steps({"production": table}, None)
    dates = [utc(day) for day in ("1999-07-19", "2014-05-05", "2025-02-03")]
    replayed(table, full, dates, minerals, ["CHN", "COD", "CHL", "AUS"])
