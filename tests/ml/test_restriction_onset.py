"""The study of new export measures: dates, what an origin may learn from, canaries, scores, page and commands."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features import datasets
from features.errors import BadInput, ConfigError, LeakageError
from features.signals import restrictions
from features.store import Store
from ml import cli, restriction_study, target_studies
from ml import restriction_backtest as backtest
from ml.knowledge import Knowledge, signals_named
from ml.page_tables import cell, page_as_html
from ml.restriction_report import render_onset_report
from ml.restriction_scores import lead_time, score_onsets
from ml.scores import roc_auc
from models.gradient_boosting import Parameters
from models.restriction_onset import HISTORY, HORIZONS_WEEKS, announcements
from tests.builders import random_trade, rows, utc
from tests.models.test_restriction_onset import OPEN, act, coverage

UTC = dt.UTC
QUICK = Parameters(rounds=15, num_leaves=4, min_data_in_leaf=10)
PLAN = backtest.OnsetPlan(("trade_share_3y",), ("trade_share_3y", "noise"), QUICK)
ORIGIN = backtest.origins(2012, dt.datetime(2018, 1, 1, tzinfo=UTC))[5]
MOMENT = utc("2020-01-06")
SUPPLIERS = [f"{first}{second}A" for first in "ABCDEF" for second in "ABCDE"]
LIMITS = (0.15, 0.3, 0.5)


def invented(seed: int = 5) -> backtest.Facts:
    """Thirty suppliers of two minerals over ten years; three of them announce something about every year."""
    rng = np.random.default_rng(seed)
    records = [
        act(f"{supplier}-{year}", mineral, supplier, f"{year}-{int(rng.integers(1, 13)):02d}-11")
        for supplier in SUPPLIERS
        for year in range(2009, 2020)
        for mineral in ("cobalt", "tin")
        if rng.random() < (0.7 if supplier[0] == "A" else 0.02)
    ]
    acts = announcements(rows("measures", [*{(r["event_id"], r["mineral"]): r for r in records}.values()]))
    parts = []
    learn = backtest.training_dates(dt.datetime(2009, 1, 1, tzinfo=UTC), dt.datetime(2019, 12, 30, tzinfo=UTC))
    for is_forecast, dates in ((False, learn), (True, backtest.forecast_dates(2012, MOMENT.to_pydatetime()))):
        index = pd.MultiIndex.from_product(
            [["cobalt", "tin"], SUPPLIERS, dates], names=["mineral", "supplier", "as_of"]
        )
        panel = index.to_frame(index=False).astype({"as_of": "datetime64[us, UTC]"})
        share = panel["supplier"].map({name: 0.011 + 0.003 * at for at, name in enumerate(SUPPLIERS)})
        panel = panel.assign(share=share, trade_share_3y=share, noise=rng.normal(size=len(panel)), is_transit=False)
        panel = panel.assign(is_major=share >= 0.05, is_forecast=is_forecast)
        parts.append(backtest.prepared(panel, acts, coverage()))
    return backtest.Facts(pd.concat(parts, ignore_index=True), acts, coverage())


@pytest.fixture(scope="module")
def facts() -> backtest.Facts:
    return invented()


@pytest.fixture(scope="module")
def forecasts(facts: backtest.Facts) -> pd.DataFrame:
    return backtest.forecast_origin(facts, ORIGIN, PLAN, moment=MOMENT)


@pytest.fixture(scope="module")
def scores(forecasts: pd.DataFrame, facts: backtest.Facts) -> dict:
    return score_onsets(forecasts, facts.acts, limits=LIMITS, n_draws=10)


# --- dates ----------------------------------------------------------------------------------------


def test_dates_are_mondays_in_step():
    dates = backtest.forecast_dates(2012, dt.datetime(2013, 1, 1, tzinfo=UTC))
    assert dates[0] == dt.datetime(2012, 1, 2, tzinfo=UTC)
    assert {(b - a).days for a, b in itertools.pairwise(dates)} == {28}
    found = backtest.origins(2012, dt.datetime(2014, 6, 1, tzinfo=UTC))
    assert all(a.until == b.as_of for a, b in itertools.pairwise(found))
    assert found[-1].as_of <= dt.datetime(2014, 6, 1, tzinfo=UTC) < found[-1].until
    assert all(
        date.isoweekday() == 1 for date in backtest.training_dates(dt.datetime(2009, 1, 1, tzinfo=UTC), dates[0])
    )


def test_a_table_that_reaches_back_further_adds_dates_and_moves_none():
    until = dt.datetime(2015, 1, 5, tzinfo=UTC)
    early = backtest.learning_dates(coverage(), until)
    late = backtest.learning_dates(coverage([*OPEN, ("from", "2008-02-01", "2014-06-01")]), until)
    assert early == backtest.training_dates(dt.datetime(2009, 1, 1, tzinfo=UTC), until)
    assert late[-len(early) :] == early
    assert late[0] == dt.datetime(2008, 4, 7, tzinfo=UTC)
    assert backtest.learning_dates(coverage([*OPEN, ("from", "2012-01-01", "2014-06-01")]), until) == early
    assert backtest.learning_dates(datasets.empty("coverage"), until) == []


# --- what an origin may know ----------------------------------------------------------------------


def test_an_origin_forecasts_its_year_with_every_model_on_the_same_rows(forecasts: pd.DataFrame):
    assert set(forecasts["model"]) == set(backtest.MODELS)
    assert set(forecasts["horizon"]) == set(HORIZONS_WEEKS)
    assert forecasts["as_of"].nunique() == 13
    assert forecasts["probability"].between(0, 1).all()
    counts = forecasts.groupby("horizon")["model"].value_counts().groupby("horizon")
    assert counts.min().equals(counts.max())
    champion = forecasts[forecasts["model"].eq("lightgbm")]
    assert (champion["p_low"] <= champion["probability"]).all()
    assert (champion["probability"] <= champion["p_high"]).all()


def test_longer_windows_are_never_less_likely(forecasts: pd.DataFrame):
    keys = ["model", "mineral", "supplier", "as_of"]
    wide = forecasts.pivot_table(index=keys, columns="horizon", values="probability")
    assert (wide["13w"] <= wide["26w"]).all()
    assert (wide["26w"] <= wide["52w"]).all()


def test_what_is_gathered_later_of_a_date_is_what_was_gathered_then(tmp_path: Path):
    store = Store(tmp_path / "datasets")
    store.append("trade", random_trade(1, years=range(2008, 2014)), where="test")
    records = [
        act(f"{supplier}-{year}-{month}", "cobalt", supplier, f"{year}-{month:02d}-11")
        for supplier, months in (("CHN", (2, 5, 8, 11)), ("COD", (7,)), ("AUS", (4,)))
        for year in range(2012, 2016)
        for month in months
    ]
    records += [first | {"available_at": utc("2014-09-01"), "is_retracted": True} for first in records[:3]]
    store.append("measures", rows("measures", records), where="test")
    # What was on record turns out later to have begun a month earlier.
    bounds = [("from", "2012-01-01", "2012-01-01"), ("from", "2011-12-01", "2014-09-01")]
    store.append("coverage", coverage(bounds), where="test")
    signals = signals_named(["restrictions"])

    def gathered(day: str) -> pd.DataFrame:
        knowledge = Knowledge(store, utc(day).to_pydatetime(), signals)
        return backtest.gather(knowledge, backtest.forecast_dates(2014, knowledge.as_of)[::2]).rows

    then, now = gathered("2014-06-13"), gathered("2015-08-03")
    past = now[now["as_of"] <= utc("2014-06-13")].reset_index(drop=True)
    assert {"rate_before", "trade_share_3y", *restrictions.SIGNAL.columns, *HISTORY} <= set(then.columns)
    assert (then.groupby("is_forecast")["before_pair"].max() > 3).tolist() == [True, True]
    pd.testing.assert_frame_equal(then, past, check_exact=True)
    assert len(now) > len(past)


def test_what_is_announced_after_the_origin_changes_no_forecast_made_on_its_date(
    facts: backtest.Facts, forecasts: pd.DataFrame
):
    cutoff = pd.Timestamp(ORIGIN.as_of)
    cut = backtest.Facts(
        facts.rows[facts.rows["as_of"] <= cutoff], facts.acts[facts.acts["available_at"] <= cutoff], facts.coverage
    )
    again = backtest.forecast_origin(cut, ORIGIN, PLAN, moment=cutoff)
    then = forecasts[forecasts["as_of"].eq(cutoff)].reset_index(drop=True)
    assert len(then) == 60 * len(backtest.MODELS) * len(HORIZONS_WEEKS)
    columns = ["model", "horizon", "mineral", "supplier", "probability", "p_low", "p_high", "onset"]
    pd.testing.assert_frame_equal(again[columns], then[columns], check_exact=True)
    assert again["label"].isna().all()


def test_a_model_that_learned_who_does_it_ranks_them(forecasts: pd.DataFrame):
    one = forecasts[forecasts["model"].eq("lightgbm") & forecasts["horizon"].eq("26w")]
    assert roc_auc(one["label"].to_numpy(), one["probability"].to_numpy()) > 0.8


# --- canaries -------------------------------------------------------------------------------------


def test_a_feature_that_tells_the_label_is_caught(facts: backtest.Facts):
    labelled = backtest.attach_onsets(facts.rows, facts.acts, facts.coverage, "13w", moment=MOMENT)
    leaking = facts.rows.assign(noise=labelled["label"].to_numpy())
    with pytest.raises(LeakageError, match="noise"):
        backtest.forecast_origin(backtest.Facts(leaking, facts.acts, facts.coverage), ORIGIN, PLAN, moment=MOMENT)


def test_shuffled_labels_score_nothing(facts: backtest.Facts):
    # Acts fall on pairs and days at random: nobody has a habit, so nothing can be learned.
    rng = np.random.default_rng(3)
    days = pd.to_datetime(rng.integers(utc("2009-01-02").value, utc("2019-12-01").value, 300), utc=True).floor("D")
    shuffled = [
        act(str(at), str(rng.choice(["cobalt", "tin"])), str(rng.choice(SUPPLIERS)), str(day.date()))
        for at, day in enumerate(days)
    ]
    acts = announcements(rows("measures", shuffled))
    parts = [
        backtest.prepared(
            part[
                [
                    "mineral",
                    "supplier",
                    "as_of",
                    "share",
                    "trade_share_3y",
                    "noise",
                    "is_transit",
                    "is_major",
                    "is_forecast",
                ]
            ],
            acts,
            coverage(),
        )
        for _, part in facts.rows.groupby("is_forecast")
    ]
    found = backtest.forecast_origin(
        backtest.Facts(pd.concat(parts, ignore_index=True), acts, facts.coverage), ORIGIN, PLAN, moment=MOMENT
    )
    for model in ("lightgbm", "logistic_regression"):
        one = found[found["model"].eq(model) & found["horizon"].eq("26w")]
        assert one["label"].sum() > 50
        assert roc_auc(one["label"].to_numpy(), one["probability"].to_numpy()) == pytest.approx(0.5, abs=0.1)


# --- scores and page ------------------------------------------------------------------------------


def test_alerts_and_lead_times_are_those_of_the_definition(
    forecasts: pd.DataFrame, facts: backtest.Facts, scores: dict
):
    of = scores["horizons"]["26w"]
    alerts = of["alerts"]["top_20"]["lightgbm"]
    assert alerts["alerts_per_date"] == pytest.approx(20)
    one = forecasts[forecasts["model"].eq("lightgbm") & forecasts["horizon"].eq("26w")]
    top = one.sort_values("probability", ascending=False).groupby("as_of").head(20)
    assert alerts["precision"]["value"] == pytest.approx(top["label"].mean(), abs=0.03)
    led = of["lead_time"]["top_20"]["lightgbm"]
    assert led["all"]["announcements"] == led["onset"]["announcements"] + led["continuation"]["announcements"]
    assert led["all"]["warned"] <= led["all"]["announcements"]
    assert 0 < led["all"]["median_weeks"] <= 26
    inside = facts.acts[
        facts.acts["announced_at"].between(one["as_of"].min(), one["window_end"].max(), inclusive="left")
    ]
    assert led["all"]["announcements"] <= len(inside)
    assert scores["announcements"]["on_tracked_pairs"] == scores["announcements"]["on_record"]
    json.dumps(scores, allow_nan=False)


# as_of, mineral, supplier, probability, p_low, by pair history, is_major, label. Of the dates, the first and the fourth
# are scored in the common table; the first three are of 2016.
BY_HAND = [
    ("2016-10-10", "tin", "CHN", 0.40, 0.30, 0.10, True, 1.0),
    ("2016-10-10", "tin", "IDN", 0.40, 0.30, 0.30, True, 0.0),
    ("2016-10-10", "zinc", "CHN", 0.004, 0.00, 0.01, True, 0.0),
    ("2016-11-07", "tin", "CHN", 0.35, 0.30, 0.20, False, 0.0),
    ("2016-12-05", "tin", "IDN", 0.06, 0.01, 0.02, True, 1.0),
    ("2018-01-01", "tin", "CHN", 0.60, 0.50, 0.20, True, 0.0),
    ("2018-01-01", "tin", "IDN", 0.08, 0.05, 0.30, True, 1.0),
    ("2018-01-01", "zinc", "CHN", 0.03, 0.01, 0.05, False, 0.0),
    ("2018-01-01", "zinc", "PER", 0.004, 0.00, 0.01, True, 1.0),
    ("2018-01-01", "lead", "PER", 0.004, 0.00, 0.01, True, 0.0),
]
ACTS_BY_HAND = [
    act("a", "tin", "CHN", "2016-10-24"),
    act("b", "tin", "IDN", "2017-01-09"),
    act("c", "tin", "IDN", "2018-02-05"),
    act("d", "zinc", "PER", "2018-03-05"),
    # Known before the day that it states, and before the forecast whose window holds that day.
    act("e", "tin", "CHN", "2018-01-15") | {"available_at": utc("2017-12-01")},
    # A pair that nobody forecast.
    act("f", "gallium", "CHN", "2018-01-20"),
]


@pytest.fixture(scope="module")
def by_hand() -> dict:
    names = ["as_of", "mineral", "supplier", "probability", "p_low", "normal", "is_major", "label"]
    table = pd.DataFrame(BY_HAND, columns=names)
    table["as_of"] = pd.to_datetime(table["as_of"], utc=True).astype("datetime64[us, UTC]")
    table = table.assign(target="restriction_onset", horizon="13w", onset=True, is_transit=False, void_reason=pd.NA)
    table["window_end"] = table["as_of"] + pd.Timedelta(weeks=13)
    normal = table.assign(model="pair_history", probability=table["normal"], p_low=np.nan)
    predictions = pd.concat([table.assign(model="lightgbm"), normal], ignore_index=True)
    acts = announcements(rows("measures", ACTS_BY_HAND))
    return score_onsets(predictions, acts, limits=LIMITS, n_draws=3)


def test_scores_of_a_table_by_hand_count_what_stands_there(by_hand: dict):
    found = by_hand["announcements"]
    assert (found["on_record"], found["acts"], found["on_tracked_pairs"], found["undated"]) == (6, 6, 5, 0)
    assert found["by_supplier"][0] == {"supplier": "CHN", "n": 3, "tracked": 2, "before": 2, "before_pair": 1}
    of = by_hand["horizons"]["13w"]
    bins = [(row["from"], row["n"], row["events"], row["observed_frac"]) for row in of["reliability"]]
    assert bins == [
        (0.0, 3, 1, 1 / 3),
        (0.005, 0, 0, None),
        (0.01, 0, 0, None),
        (0.02, 1, 0, 0.0),
        (0.05, 2, 2, 1.0),
        (0.1, 0, 0, None),
        (0.2, 4, 1, 0.25),
    ]
    assert of["reliability"][-1]["mean_probability"] == pytest.approx((0.40 + 0.40 + 0.35 + 0.60) / 4)
    assert [(row["year"], row["n"], row["events"]) for row in of["by_year"]] == [(2016, 5, 2), (2018, 5, 2)]


def test_scores_of_a_table_by_hand_hold_out_the_later_year(by_hand: dict):
    of = by_hand["horizons"]["13w"]
    slices = {name: (part["n"], part["events"]) for name, part in of["slices"].items()}
    assert slices == {"china": (5, 1), "others": (5, 3), "others_onset": (5, 3), "from_2017": (5, 2)}
    held = of["held_out"]
    assert (held["n"], held["events"]) == (5, 2)
    # Of the six couples of an event and none: 0.08 wins two, 0.004 ties one, and they lose the others.
    assert held["models"]["lightgbm"]["roc_auc"]["value"] == pytest.approx(2.5 / 6)
    assert of["slices"]["from_2017"]["roc_auc"]["lightgbm"] == pytest.approx(2.5 / 6)
    # Precision at the event in second place is a half; at the last, tied with no event, two of five.
    assert held["models"]["lightgbm"]["average_precision"]["value"] == pytest.approx((1 / 2 + 2 / 5) / 2)
    ours = (0.60**2 + 0.92**2 + 0.03**2 + 0.996**2 + 0.004**2) / 5
    normal = (0.20**2 + 0.70**2 + 0.05**2 + 0.99**2 + 0.01**2) / 5
    skill = held["models"]["lightgbm"]["brier_skill_vs_pair_history"]
    assert skill["value"] == pytest.approx(1 - ours / normal)
    assert held["models"]["pair_history"]["brier_skill_vs_pair_history"]["value"] == pytest.approx(0.0)


def test_scores_of_a_table_by_hand_alert_by_rule(by_hand: dict):
    of = by_hand["horizons"]["13w"]["alerts"]

    def numbers(rule: str) -> tuple:
        worth = of[rule]["lightgbm"]
        return worth["alerts_per_date"], worth["precision"]["value"], worth["caught"]["value"]

    # Elevated, major and well above what is normal: tin of China on the first and on the last date. The same chance for
    # Indonesia is normal there, and in November the pair was not major.
    assert numbers("tier") == (2 / 4, 1 / 2, 1 / 4)
    assert numbers("china") == (5 / 4, 1 / 5, 1 / 4)
    assert numbers("top_20") == (10 / 4, 4 / 10, 1.0)


def test_scores_of_a_table_by_hand_lead_by_weeks(by_hand: dict):
    of = by_hand["horizons"]["13w"]["lead_time"]
    # Act a two weeks after the first date, b 5 weeks (13 after October's, which is no longer in that window), c 5, d 9.
    none = {"announcements": 0, "warned": 0, "share": None, "median_weeks": None}
    everyone = {"announcements": 4, "warned": 4, "share": 1.0, "median_weeks": 5.0}
    assert of["top_20"]["lightgbm"] == {"all": everyone, "onset": everyone, "continuation": none}
    assert of["tier"]["lightgbm"]["all"] == {"announcements": 4, "warned": 1, "share": 0.25, "median_weeks": 2.0}


def test_an_alert_every_date_leads_by_as_much_as_the_window_allows(facts: backtest.Facts):
    dates = [utc("2018-01-01") + pd.Timedelta(weeks=4 * n) for n in range(6)]
    pair = pd.DataFrame({"mineral": "tin", "supplier": "AAA", "as_of": dates, "onset": True})
    pair["window_end"] = pair["as_of"] + pd.Timedelta(weeks=13)
    acts = announcements(rows("measures", [act("x", "tin", "AAA", "2018-04-23")]))
    assert lead_time(pair, np.ones(6), acts)["all"] == {
        "announcements": 1,
        "warned": 1,
        "share": 1.0,
        "median_weeks": 12.0,
    }
    # 23 April is in the windows from 29 January on; an alert before that is none for it.
    early = np.array([1.0, 0, 0, 0, 0, 0])
    assert lead_time(pair, early, acts)["onset"]["warned"] == 0


def test_the_page_names_counts_losses_and_its_command(scores: dict):
    reason = {
        "as_of": "2017-12-04",
        "mineral": "Tin",
        "supplier": "A",
        "probability": "9 %",
        "state": "free",
        "reasons": "x",
    }
    page = render_onset_report(scores, {"command": "oresight restriction-onset --out DIR"}, [reason])
    told, _, tables = page.partition("## From 2017 on")
    assert "chosen on forecasts of 2012 to 2016" in told
    assert "written down was decided afterwards" in told
    # The forecasts are of 2016 and 2017; the verdict and its table are of the later ones alone.
    held = {horizon: of["held_out"] for horizon, of in scores["horizons"].items()}
    for horizon, of in held.items():
        assert cell(of["models"]["lightgbm"]["average_precision"]) in told
        assert f"| {horizon} | oresight | {cell(of['models']['lightgbm']['average_precision'])}" in tables
    assert 0 < held["26w"]["n"] < scores["table"]["targets"]["restriction_onset"]["26w"]["slices"]["all"]["n"]
    assert "Generated by `oresight restriction-onset --out DIR`" in page
    assert "suppliers that did it before" in page
    assert "nan" not in page.lower().replace("announc", "").replace("financ", "")
    html = page_as_html(page + "\n<script>alert(1)</script>\n")
    heads = sum(set(line) <= set("|- ") for line in page.splitlines() if line.startswith("|"))
    assert html.count("<table>") == heads > 10
    assert "<script>" not in html


# --- commands -------------------------------------------------------------------------------------


def test_impossible_years_and_empty_stores_are_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="between 2010 and 2020"):
        restriction_study.study(tmp_path / "out", first=2000, home=tmp_path / "home", as_of="2020-01-06", log=False)
    with pytest.raises(ConfigError, match="future"):
        restriction_study.study(tmp_path / "out", home=tmp_path / "home", as_of="2090-01-06", log=False)


def test_a_target_of_its_own_is_asked_for_alone():
    assert target_studies.asked_for(None) is None
    assert target_studies.asked_for(["supply_drop"]) is None
    assert target_studies.asked_for(["restriction_onset"]) == "restriction_onset"
    with pytest.raises(ConfigError, match="alone"):
        target_studies.asked_for(["supply_drop", "price_spike"])


def test_the_backtest_command_reaches_both_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = {}

    def study(out: Path, **options):
        asked.update(options, out=out)
        return restriction_study.OnsetStudy(pd.DataFrame(), {"n_draws": 5}, "# The page")

    monkeypatch.setattr(restriction_study, "study", study)
    base = ["backtest", "--target", "restriction_onset", "--out", str(tmp_path)]
    answer = CliRunner().invoke(cli.app, [*base, "--draws", "5"])
    assert answer.exit_code == 0, answer.output
    assert "# The page" in answer.output
    assert asked["draws"] == 5
    assert "first" not in asked
    refused = CliRunner().invoke(cli.app, [*base, "--last", "2020"])
    assert isinstance(refused.exception, ConfigError)
    spikes = CliRunner().invoke(cli.app, ["backtest", "--target", "price_spike", "--out", "o", "--signals", "trade"])
    assert "no --signals" in str(spikes.exception)


def test_the_command_writes_forecasts_scores_and_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backtest, "PARAMETERS", QUICK)
    monkeypatch.setenv("ORESIGHT_WORKERS", "1")
    store = Store(tmp_path / "home" / "datasets")
    store.append("trade", random_trade(1, years=range(2003, 2013)), where="test")
    records = [
        act(f"{supplier}-{year}-{month}", "cobalt", supplier, f"{year}-{month:02d}-11")
        for supplier, months in (("CHN", (2, 5, 8, 11)), ("COD", (7,)))
        for year in range(2009, 2015)
        for month in months
    ]
    store.append("measures", rows("measures", records), where="test")
    store.append("coverage", coverage(), where="test")
    options = ["--first", "2013", "--draws", "5", "--as-of", "2015-03-02", "--signals", "restrictions", "--no-log"]
    out = tmp_path / "out"
    answer = CliRunner().invoke(
        cli.app, ["restriction-onset", "--out", str(out), *options, "--home", str(tmp_path / "home")]
    )
    assert answer.exit_code == 0, answer.output
    assert "# New export measures: measured" in answer.output
    assert {path.name for path in out.iterdir()} == {
        *("predictions.parquet", "scores.json", "report.html", "restriction-onset.md")
    }
    predictions = pd.read_parquet(out / "predictions.parquet")
    wanted = ["target", "horizon", "mineral", "supplier", "as_of", "window_start", "window_end"]
    assert {*wanted, "probability", "label", "onset", "model"} <= set(predictions.columns)
    assert predictions["target"].eq("restriction_onset").all()
    assert not (predictions["resolved_at"] > utc("2015-03-02")).any()
    assert (predictions["label"].isna() == (predictions["window_end"] > utc("2015-03-02"))).all()


def test_an_empty_store_says_what_to_take_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Store(tmp_path / "home" / "datasets").append(
        "governance",
        rows(
            "governance",
            [
                {
                    "year": 2010,
                    "indicator": "rule_of_law",
                    "supplier": "COD",
                    "estimate": 0.0,
                    "available_at": utc("2011-10-01"),
                }
            ],
        ),
        where="test",
    )
    with pytest.raises(BadInput, match="oresight ingest events"):
        restriction_study.study(tmp_path / "out", home=tmp_path / "home", as_of="2020-01-06", log=False)
