"""Ablations: what is added, what is kept, how families are judged, what a page says, and that nothing looks ahead."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalog import load_catalog
from features.errors import BadInput, ConfigError
from features.signals import governance, incidents, news, restrictions
from features.store import Store
from ml import ablation, ablation_onsets, ablation_spikes, ablation_yearly, price_spike_backtest, restriction_backtest
from ml.ablation import ablate
from ml.ablation_families import (
    NO_FACTS,
    NO_FIGURE,
    Addition,
    absent_families,
    additions,
    compare_families,
    had_figures,
    keep,
)
from ml.ablation_report import held_rows, weeks_of_news
from ml.ablation_rule import in_words, judge, looks
from ml.ablation_spikes import means_of_suppliers, mineral_columns, price_groups, with_events, with_means
from ml.knowledge import Knowledge, open_store, signals_named
from ml.settings import Settings
from models.gradient_boosting import Parameters
from models.restriction_onset import announcements
from tests.builders import event, random_prices, random_trade, rows, utc
from tests.ml.test_comparison import forecasts

UTC = dt.UTC
QUICK = Parameters(rounds=10, num_leaves=4, min_data_in_leaf=10)


# --- what is added --------------------------------------------------------------------------------


def test_families_are_added_alone_then_those_on_events_then_all() -> None:
    names = ("prices", "restrictions", "incidents", "news")
    assert [each.name for each in additions(names, {})] == [*names, "restrictions + incidents + news", "all"]
    assert additions(names, {})[-1].members == names


def test_a_family_without_facts_is_named_and_in_no_combination() -> None:
    found = additions(("prices", "restrictions", "incidents", "news"), {"news": NO_FACTS, "prices": NO_FIGURE})
    assert [each.absent for each in found] == [NO_FIGURE, "", "", NO_FACTS, ""]
    # All there is are the two on events, so there is no `all` beside them.
    assert found[-1] == Addition("restrictions + incidents", ("restrictions", "incidents"))
    assert [each.name for each in additions(("restrictions", "news"), {"news": NO_FACTS})] == ["restrictions", "news"]


def test_a_family_that_is_silent_on_every_row_is_told_from_one_without_facts() -> None:
    table = pd.DataFrame({"a": [np.nan, 1.0], "b": [np.nan, np.nan], "c": [0.0, 0.0]})
    found = absent_families(["d"], table, {"first": ["a", "b"], "second": ["b"], "third": ["c"]})
    assert found == {"second": NO_FIGURE, "d": NO_FACTS}


def test_rows_with_a_figure_and_with_an_event_are_counted_once_over_the_horizons() -> None:
    date = utc("2020-01-06")
    keys = [{"mineral": "tin", "supplier": name, "as_of": date} for name in ("AUS", "CHN", "COD", "IDN")]
    table = pd.DataFrame([key | {"x": x} for key, x in zip(keys, [np.nan, 0.0, 2.0, 5.0], strict=True)])
    scored = pd.concat([pd.DataFrame(keys).assign(target="t", horizon=h, label=1.0) for h in ("13w", "26w")])
    scored.loc[scored["supplier"].eq("IDN"), "label"] = np.nan
    assert had_figures(scored, table, {"own": ["x"]}, ["none"]) == [
        {"target": "t", "scored": 3, "family": "own", "with_figure": 2, "with_event": 1},
        {"target": "t", "scored": 3, "family": "none", "with_figure": 0, "with_event": 0},
    ]


# --- what is compared and kept --------------------------------------------------------------------


def fake_predictions(skill: float) -> pd.DataFrame:
    """Forecasts of two states whose skill is chosen, and one void row."""
    found = forecasts(skill)
    void = found.head(1).assign(label=np.nan, supplier="S99")
    return pd.concat([found.assign(onset=found["supplier"].gt("S05")), void.assign(onset=True)], ignore_index=True)


def test_each_addition_is_compared_with_the_base_and_losses_stay_in_the_table() -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def forecast(name: str, members: tuple[str, ...]) -> pd.DataFrame:
        asked.append((name, members))
        return fake_predictions({"trade": 0.3, "good": 0.6, "bad": 0.1}[name])

    added = [Addition("good", ("a",)), Addition("silent", ("b",), NO_FACTS), Addition("bad", ("a", "c"))]
    alone, found = compare_families(("supply_drop",), "trade", forecast, added, draws=20)
    assert asked == [("trade", ()), ("good", ("a",)), ("bad", ("a", "c"))]
    assert len(alone) == 401
    assert [(row["added"], row["slice"]) for row in found] == [
        *itertools.product(["trade", "good"], ["onset", "continuation"]),
        ("silent", ""),
        *itertools.product(["bad"], ["onset", "continuation"]),
    ]
    assert [row["n"] for row in found[:2]] == [280, 120]
    by_name = {(row["added"], row["slice"]): row for row in found}
    assert (
        by_name["bad", "onset"]["roc_auc_gain"]["high"] < 0 < by_name["good", "onset"]["average_precision_gain"]["low"]
    )
    assert by_name["silent", ""] | {"absent": ""} == {
        "added": "silent",
        "target": "supply_drop",
        "horizon": "",
        "slice": "",
        "absent": "",
    }


def test_numbers_that_are_undefined_are_none_as_json_has_no_nan() -> None:
    own = fake_predictions(0.3)
    # One event in all: most draws have none, so there is no interval.
    event_at = own.index[own["onset"] & own["label"].eq(1)][0]
    own["label"] = np.where(own.index == event_at, 1.0, np.where(own["onset"], 0.0, own["label"]))
    _, found = compare_families(("supply_drop",), "trade", lambda name, members: own, [Addition("a", ())], draws=30)
    assert found[0]["roc_auc"]["low"] is None
    json.dumps(found, allow_nan=False)


def test_forecasts_are_made_once_for_what_they_depend_on(tmp_path: Path) -> None:
    made: list[float] = []

    def make(skill: float) -> Callable[[], pd.DataFrame]:
        return lambda: made.append(skill) or forecasts(skill)

    first = keep(tmp_path, {"features": ("a",)}, make(0.1))
    again = keep(tmp_path, {"features": ("a",)}, make(0.2))
    other = keep(tmp_path, {"features": ("a", "b")}, make(0.3))
    assert made == [0.1, 0.3]
    pd.testing.assert_frame_equal(again, first)
    assert not other["probability"].equals(first["probability"])


# --- the rule -------------------------------------------------------------------------------------


def judged(added: str, target: str, auc: tuple, ap: tuple = (-0.1, 0.1), *, horizon: str = "26w", part: str = "onset"):
    """One row: the intervals of both gains; the value is in their middle."""
    gains = {
        f"{name}_gain": {"value": (low + high) / 2 if low is not None else 0.0, "low": low, "high": high}
        for name, (low, high) in (("roc_auc", auc), ("average_precision", ap))
    }
    return {"added": added, "target": target, "horizon": horizon, "slice": part} | gains


HOLDS_ZERO = (-0.1, 0.1)


def test_a_family_earns_its_place_by_either_metric_at_one_horizon_and_no_loss() -> None:
    rows_of = [
        {"added": "trade", "target": "t", "slice": "onset", "horizon": "26w"},
        judged("by_auc", "t", (0.01, 0.03)),
        judged("by_auc", "t", HOLDS_ZERO, horizon="52w"),
        judged("by_ap", "t", HOLDS_ZERO, (0.1, 0.3)),
        judged("mixed", "t", (0.01, 0.03), (-0.3, -0.1)),
        judged("loses_later", "t", (0.01, 0.03)),
        judged("loses_later", "t", (-0.03, -0.01), horizon="52w"),
        judged("worse", "t", (-0.03, -0.01)),
        judged("touches", "t", (0.0, 0.03)),
        judged("unclear", "t", (None, None), (None, None)),
        judged("clear_later", "t", (None, None), (None, None)),
        judged("clear_later", "t", HOLDS_ZERO, (None, None), horizon="52w"),
        judged("only_continuation", "t", (0.01, 0.03), part="continuation"),
    ]
    found = {each.family: each for each in judge(rows_of)}
    assert [name for name, each in found.items() if each.earns] == ["by_auc", "by_ap"]
    assert found["by_auc"].gains == ("26w AUC +0.020",)
    assert found["by_ap"].gains == ("26w AP +0.200",)
    assert found["loses_later"].costs == ("52w AUC -0.020",)
    assert "trade" not in found
    assert "only_continuation" not in found
    # Where there are too few events for any interval, nothing was found out.
    assert (found["unclear"].absent, found["clear_later"].absent) == ("too few events for an interval", "")
    assert looks(rows_of) == 17


def test_each_family_is_told_in_words() -> None:
    rows_of = [
        judged("news", "supply_drop", (0.01, 0.03)),
        judged("news", "price_spike", (-0.03, -0.01)),
        judged("news", "production_drop", HOLDS_ZERO),
        judged("prices", "supply_drop", (0.01, 0.03), (-0.3, -0.1)),
        {"added": "prices", "target": "production_drop", "absent": NO_FIGURE, "slice": ""},
        *({"added": n, "target": "supply_drop", "absent": NO_FACTS, "slice": ""} for n in ("incidents", "governance")),
    ]
    assert in_words(judge(rows_of), ["incidents", "news", "prices", "governance", "unheard"]) == [
        "`incidents` and `governance`: not measured (no facts in this store).",
        "`news`: earns its place on `supply_drop` (26w AUC +0.020); makes worse `price_spike` (26w AUC -0.020); no "
        "change that can be told from chance on `production_drop`.",
        "`prices`: better here and worse there on `supply_drop` (26w AUC +0.020, but 26w AP -0.200); not measured for "
        "`production_drop` (no figure on any row).",
    ]


# --- events at the level of a price ---------------------------------------------------------------

OPEN = [
    {"dataset": name, "bound": "from", "bound_at": utc("2009-01-01"), "available_at": utc("2009-01-01")}
    for name in ("measures", "incidents")
]
SIGNALS = [restrictions.SIGNAL, incidents.SIGNAL]


def spike_tables(acts: list[dict]) -> dict[str, pd.DataFrame]:
    strikes = [event("strike", "refined_copper", "CHL", "2019-03-01", kind="strike")]
    kept = list(rows("incidents", []).columns)
    return {
        "measures": rows("measures", acts),
        "coverage": rows("coverage", OPEN),
        "incidents": rows("incidents", strikes)[kept],
    }


def asked_on(*dates: str, mineral: str = "refined_nickel") -> pd.DataFrame:
    return pd.DataFrame({"mineral": mineral, "as_of": [utc(date) for date in dates]}, index=range(5, 5 + len(dates)))


ACTS = [
    event("ban", "nickel", "IDN", "2019-09-03"),
    event("ban", "refined_nickel", "IDN", "2019-09-03"),
    event("tax", "nickel_sulphate", "PHL", "2019-12-10", kind="export_tax"),
    event("other", "copper", "IDN", "2019-10-01"),
]


def test_minerals_that_share_a_price_are_one_group() -> None:
    group = price_groups(load_catalog())
    assert group["nickel"] == group["refined_nickel"] == group["nickel_sulphate"] != group["copper"]
    assert group["rare_earths"] == group["rare_earth_metals"] == group["rare_earth_magnets"]
    assert [name for name, of in group.items() if of == group["gold"]] == ["gold"]


def test_acts_on_any_product_of_a_price_by_any_supplier_count_and_each_once() -> None:
    found = with_events(asked_on("2019-09-02", "2019-09-09", "2020-01-06"), SIGNALS, spike_tables(ACTS), load_catalog())
    assert found["restrictions_elsewhere_in_force"].tolist() == [0.0, 1.0, 2.0]
    assert found["restrictions_elsewhere_new_13w"].tolist() == [0.0, 1.0, 1.0]
    assert found["incidents_elsewhere_new_52w"].tolist() == [0.0, 0.0, 0.0]
    assert found["mineral"].eq("refined_nickel").all()
    copper = with_events(asked_on("2020-01-06", mineral="copper"), SIGNALS, spike_tables(ACTS), load_catalog())
    assert copper["restrictions_elsewhere_in_force"].tolist() == [1.0]
    assert copper["incidents_elsewhere_new_52w"].tolist() == [1.0]


def test_only_features_of_the_mineral_are_taken() -> None:
    columns = [name for signal in (*SIGNALS, news.SIGNAL) for name in mineral_columns(signal)]
    assert columns
    assert not [name for name in columns if "_pair_" in name or "_others_" in name or "_supplier_" in name]


def test_what_becomes_known_later_changes_no_row_of_before() -> None:
    dates = ("2019-09-09", "2019-11-04")
    full = with_events(asked_on(*dates), SIGNALS, spike_tables(ACTS), load_catalog())
    cut = [act for act in ACTS if act["available_at"] <= utc(dates[-1])]
    assert len(cut) < len(ACTS)
    pd.testing.assert_frame_equal(with_events(asked_on(*dates), SIGNALS, spike_tables(cut), load_catalog()), full)


def test_before_the_table_begins_events_are_missing_not_none() -> None:
    found = with_events(asked_on("2005-01-03"), SIGNALS, spike_tables(ACTS), load_catalog())
    assert found[mineral_columns(restrictions.SIGNAL)].isna().all(axis=None)


@pytest.fixture(scope="module")
def governed(bundle_home: Path) -> Knowledge:
    now = dt.datetime.now(dt.UTC)
    return Knowledge(open_store(Settings(home=bundle_home), now=now), now, signals_named(["governance"]))


def test_what_is_known_of_suppliers_is_the_mean_by_share_of_exports(governed: Knowledge) -> None:
    dates = [utc("2012-07-16"), utc("2015-07-13")]
    means = means_of_suppliers(governed, [governance.SIGNAL], dates)
    panel, group, name = governed.panel(dates), price_groups(governed.catalog), "governance_political_stability"
    of_gold = panel[panel["mineral"].map(group).eq(group["gold"]) & panel["as_of"].eq(dates[1])]
    known = of_gold[of_gold[name].notna()]
    assert len(known) > 3
    expected = np.average(known[name], weights=known["share"])
    told = means[means["mineral"].eq(group["gold"]) & means["as_of"].eq(dates[1])]
    assert told[name].tolist() == pytest.approx([expected])
    rows = pd.DataFrame(
        {"mineral": ["gold", "gold", "tin"], "as_of": [dates[1], utc("2001-01-01"), dates[0]]}, index=[7, 3, 5]
    )
    found = with_means(rows, means, governed.catalog)
    assert found.index.tolist() == [7, 3, 5]
    assert found.loc[7, name] == pytest.approx(expected)
    assert pd.isna(found.loc[3, name])
    assert found.loc[5, name] != pytest.approx(expected)


def test_without_families_on_suppliers_price_rows_stay_as_they_are(governed: Knowledge) -> None:
    rows = asked_on("2012-07-16")
    means = means_of_suppliers(governed, [], [utc("2012-07-16")])
    pd.testing.assert_frame_equal(with_means(rows, means, governed.catalog), rows)


# --- one origin of each target --------------------------------------------------------------------


def turned(table: pd.DataFrame, is_later: pd.Series) -> pd.DataFrame:
    return table.assign(label=table["label"].where(~is_later, 1 - table["label"]))


def test_price_spikes_learn_from_what_was_resolved_and_from_the_features_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_spike_backtest, "PARAMETERS", QUICK)
    origin = price_spike_backtest.SpikeOrigin(
        dt.datetime(2004, 1, 19, tzinfo=UTC), dt.datetime(2004, 4, 19, tzinfo=UTC)
    )
    dates = price_spike_backtest.forecast_dates(1988, 2004)
    table = random_prices(11, first="1988-01", months=228)
    found = price_spike_backtest.spike_rows(table, load_catalog(), dates)
    noise = np.random.default_rng(0)
    for horizon, own in found.items():
        # A feature that knows half of the outcomes.
        hint = own["label"].fillna(0.0) * (noise.random(len(own)) < 0.5)
        own.assign(hint=hint).to_parquet(tmp_path / f"{horizon}.parquet")
    features = price_spike_backtest.FEATURES
    plain = ablation_spikes._one_origin(origin, folder=tmp_path, features=features)
    hinted = ablation_spikes._one_origin(origin, folder=tmp_path, features=(*features, "hint"))
    key = ["horizon", "mineral", "as_of"]
    pd.testing.assert_frame_equal(hinted[[*key, "label", "onset"]], plain[[*key, "label", "onset"]])
    assert set(plain["as_of"].dt.month) == {1, 2, 3}
    assert not np.allclose(hinted["probability"], plain["probability"])
    for horizon in found:
        own = pd.read_parquet(tmp_path / f"{horizon}.parquet")
        is_later = ~(own["resolved_at"] <= pd.Timestamp(origin.as_of))
        turned(own, is_later).to_parquet(tmp_path / f"{horizon}.parquet")
    again = ablation_spikes._one_origin(origin, folder=tmp_path, features=features)
    pd.testing.assert_series_equal(again["probability"], plain["probability"], check_exact=True)
    assert not again["label"].equals(plain["label"])


def onset_facts() -> restriction_backtest.Facts:
    """Twelve pairs, a row each every 13 weeks since 2009, and acts that follow a feature loosely."""
    noise = np.random.default_rng(3)
    learn = restriction_backtest.training_dates(
        dt.datetime(2009, 1, 1, tzinfo=UTC), dt.datetime(2019, 1, 1, tzinfo=UTC)
    )
    now = restriction_backtest.forecast_dates(2018, dt.datetime(2018, 12, 31, tzinfo=UTC))[::3]
    pairs = list(itertools.product(("cobalt", "tin", "zinc"), ("AUS", "CHN", "COD", "IDN")))
    records = [
        {
            "mineral": m,
            "supplier": s,
            "as_of": utc(str(date.date())),
            "is_forecast": is_now,
            "restless": s == "CHN",
        }
        for dates, is_now in ((learn, False), (now, True))
        for date, (m, s) in itertools.product(dates, pairs)
    ]
    table = pd.DataFrame(records).assign(share=0.1, onset=True)
    table = table.assign(restless=table["restless"] + noise.random(len(table)))
    acts = [
        event(f"{m}{s}{year}", m, s, f"{year}-0{1 + number % 9}-11")
        for number, (year, (m, s)) in enumerate(itertools.product(range(2009, 2021), pairs))
        if noise.random() < (0.7 if s == "CHN" else 0.15)
    ]
    known = rows("coverage", OPEN)
    return restriction_backtest.Facts(table, announcements(rows("measures", acts)), known)


def test_restriction_onsets_learn_from_what_was_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restriction_backtest, "PARAMETERS", QUICK)
    facts, moment = onset_facts(), utc("2021-01-04")
    (origin,) = restriction_backtest.origins(2018, dt.datetime(2018, 12, 1, tzinfo=UTC))

    def run(facts: restriction_backtest.Facts) -> pd.DataFrame:
        facts.save(tmp_path)
        return ablation_onsets._one_origin(origin, folder=tmp_path, features=("restless",), moment=moment)

    found = run(facts)
    assert set(found["horizon"]) == {"13w", "26w", "52w"}
    assert found["as_of"].nunique() == 5
    wide = found.pivot_table(index=["mineral", "supplier", "as_of"], columns="horizon", values="probability")
    assert (wide["13w"] <= wide["26w"]).all()
    assert (wide["26w"] <= wide["52w"]).all()
    is_chinese = found["supplier"].eq("CHN")
    assert found.loc[is_chinese, "probability"].mean() > found.loc[~is_chinese, "probability"].mean() + 0.05
    later = facts.acts[facts.acts["available_at"] < pd.Timestamp(origin.as_of)]
    assert len(later) < len(facts.acts)
    cut = run(restriction_backtest.Facts(facts.rows, later, facts.coverage))
    pd.testing.assert_series_equal(cut["probability"], found["probability"], check_exact=True)
    assert not cut["label"].equals(found["label"])


# --- from the store to the page -------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with trade, measures and incidents, and nothing else."""
    folder = tmp_path_factory.mktemp("ablation")
    store = Store(Settings(home=folder).datasets)
    acts = [event(f"act{year}", "cobalt", "COD", f"{year}-03-02") for year in range(2009, 2012)]
    tables = spike_tables(acts) | {"trade": random_trade(1, range(1998, 2010))}
    tables["incidents"] = tables["incidents"].assign(available_at=utc("2009-03-02"), mineral="cobalt", supplier="COD")
    for name, table in tables.items():
        store.append(name, table.astype({"mineral": "str"}) if "mineral" in table else table, where="the test")
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Backtests that are chosen, not run; gives the families of each."""
    asked: list[tuple[str, ...]] = []

    def predict(knowledge: Any, plan: Any, out: Path, *, workers: int, title: str) -> pd.DataFrame:
        assert not plan.with_baselines
        assert plan.horizons == ("current_year",)
        families = tuple(s.name for s in knowledge.signals if set(s.columns) <= set(plan.features))
        asked.append(families)
        skill = 0.1 if families == ("trade", "incidents") else 0.3 if len(families) == 1 else 0.6
        drops = fake_predictions(skill)
        return pd.concat([drops, drops.assign(target="severe_supply_drop")], ignore_index=True)

    monkeypatch.setattr(ablation_yearly, "predict", predict)
    return asked


def ablate_quickly(home: Path, out: Path, **options: Any) -> ablation.AblationResult:
    return ablate(out, first=2010, last=2011, draws=20, as_of="2012-03-01", home=home, **options)


def test_all_targets_stand_on_one_page_with_what_could_not_be_measured(
    home: Path, tmp_path: Path, fake: list[tuple[str, ...]]
) -> None:
    out, page = tmp_path / "out", tmp_path / "docs" / "ablation.md"
    result = ablate_quickly(home, out, page=page)
    # Families without facts are not run.
    alone = [("trade",), ("trade", "restrictions"), ("trade", "incidents")]
    assert fake == [*alone, ("trade", "restrictions", "incidents")]
    text = (out / "ablation.md").read_text()
    assert text == page.read_text() == result.page
    assert text.startswith("# What each family of facts earns: measured\n\n**In short**, on `supply_drop`")
    assert "Where `hazards` gains in *who* alone, suspect hindsight" in text
    short = text.splitlines()[2]
    assert "earns its place on `supply_drop` (current year AUC +" in short
    assert "`incidents`: makes worse `supply_drop` (current year AUC -" in short
    assert "`news`, `mirror_trade`, `prices`, `production` and `governance`: not measured (no facts" in short
    assert "No scored row had any figure of `news`." in short
    assert "Generated by `oresight ablation --target all --first 2010 --last 2011 --draws 20 --as-of 2012-03-01" in text
    assert "| news |  |  |  | no facts in this store |" in text
    assert "No news items." in text
    for target in ("price_spike", "production_drop"):
        assert f"## `{target}`\n\nNot measured: " in text
        assert target in result.result["missing"]
    saved = json.loads((out / "ablation.json").read_text(), parse_constant=pytest.fail)
    assert saved == result.result
    assert {row["target"] for row in saved["rows"]} >= {"supply_drop", "severe_supply_drop"}


def test_one_target_is_measured_alone_and_one_without_facts_is_refused(
    home: Path, tmp_path: Path, fake: list[tuple[str, ...]]
) -> None:
    result = ablate_quickly(home, tmp_path / "out", target="severe_supply_drop")
    assert {row["target"] for row in result.rows} == {"severe_supply_drop"}
    assert "## `supply_drop`" not in result.page
    with pytest.raises(BadInput, match="oresight ingest pink_sheet"):
        ablate_quickly(home, tmp_path / "none", target="price_spike")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "tea"}, "unknown target tea; there are all, supply_drop, severe_supply_drop, price_spike, "),
        ({"as_of": "2999-01-01"}, "2999-01-01 is in the future"),
    ],
)
def test_wrong_orders_are_refused(home: Path, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ablate(tmp_path / "out", home=home, **options)


def test_what_the_store_held_is_told_by_source_and_feed() -> None:
    week = {"language": "en", "items": 3, "linked": 1, "polls_ok": 1, "polls_failed": 0, "is_archived": False}
    weeks = [
        week | {"feed": feed, "week_starts_at": utc(date), "available_at": utc(date) + pd.Timedelta(days=7)}
        for feed, date in (("a", "2020-01-06"), ("a", "2020-01-13"), ("a", "2020-01-13"), ("b", "2020-01-13"))
    ]
    tables = {"measures": rows("measures", ACTS), "news_coverage": rows("news_coverage", weeks)}
    assert [tuple(row.values()) for row in held_rows(tables)] == [
        ("measures", "test", 4, "2019-09-03", "2019-12-10", None),
        ("news_coverage", "a", 3, "2020-01-13", "2020-01-20", 2),
        ("news_coverage", "b", 1, "2020-01-20", "2020-01-20", 1),
    ]
    assert weeks_of_news(tables["news_coverage"]).startswith("2 with any feed, 0 of them with the ")
    assert weeks_of_news(tables["news_coverage"]).endswith("(the most in one week: 2)")
    assert weeks_of_news(tables["news_coverage"].assign(polls_ok=0)) == "none"
