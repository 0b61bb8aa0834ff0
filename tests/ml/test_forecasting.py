"""The rows of one week: changes that add up whatever happened to data and model, abstentions, and old data."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features import datasets
from features.catalog import load_catalog
from features.collection import ingest
from features.errors import UnknownCode
from features.knowledge_time import as_moment
from features.panel import all_steps, build_panel, feature_names
from features.store import Store
from ml import registry
from ml.contract import COLUMNS, check_forecasts, conform
from ml.forecasting import ALERT_TIMES_NORMAL, abstention_reasons, forecast_week, with_revisions_known
from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge, signals_named
from ml.origins import training_dates
from ml.settings import Settings
from models.forecaster import Forecaster
from models.gradient_boosting import Parameters
from tests.builders import flow, rows, utc

pytestmark = pytest.mark.slow
WEEK = dt.timedelta(days=7)
# BACI's year 2006 is out on 1 February 2008: news on the first of these Mondays, and nothing new on the second.
NEWS, QUIET = "2008-02-04", "2008-02-11"
NEW_YEAR = "2008-01-07"
KEY = ["target", "horizon", "mineral", "supplier"]
PAIR = ["mineral", "supplier"]
PARTS = ["change_data", "change_revision", "change_model"]
SETTINGS = Settings(home=Path("never-used"))
# The champion's family, and those of what is put on record beside it.
SIGNALS = signals_named(["trade", "restrictions", "incidents"])


@pytest.fixture(scope="module")
def store(cut_home: Callable[[str], Path]) -> Store:
    return Store(cut_home("2008-07-01") / "datasets")


@pytest.fixture(scope="module")
def known(store: Store) -> Callable[[str], Knowledge]:
    made: dict[str, Knowledge] = {}
    return lambda date: made.setdefault(date, Knowledge(store, as_moment(date), SIGNALS))


@pytest.fixture(scope="module")
def served(store: Store) -> registry.Served:
    """A model of mid-2007 with few trees."""
    past = Knowledge(store, as_moment("2007-07-02"), SIGNALS)
    forecaster = Forecaster.fit(
        past.panel(training_dates(past.as_of), min_share=TRAINING_SHARE_FRAC),
        past.labels,
        trained_as_of=pd.Timestamp(past.as_of),
        features=feature_names(signals_named(["trade"])),
        parameters=Parameters(rounds=8, learning_rate=0.2),
    )
    return registry.Served(forecaster, "this", past.as_of, ("trade",), "1")


@pytest.fixture(scope="module")
def other(served: registry.Served) -> registry.Served:
    """Another model: the same trees, probabilities raised by a third of a unit of log-odds."""
    forecaster = served.forecaster
    parts = {
        key: replace(part, calibrator=replace(part.parts()[1], intercept=part.parts()[1].intercept + 0.33))
        for key, part in forecaster.parts.items()
    }
    return replace(served, version="another", forecaster=replace(forecaster, parts=parts))


@pytest.fixture(scope="module")
def plain(known: Callable[[str], Knowledge], served: registry.Served) -> Callable[[str], pd.DataFrame]:
    """The rows of a week without a run of the week before, computed once."""
    made: dict[str, pd.DataFrame] = {}

    def at(date: str) -> pd.DataFrame:
        if date not in made:
            made[date] = week(known(date), served)
        return made[date].copy()

    return at


def week(knowledge: Knowledge, served: registry.Served, issued: pd.DataFrame | None = None) -> pd.DataFrame:
    forecasts, _ = forecast_week(knowledge, served, SETTINGS, issued)
    table = conform(forecasts.assign(run_id="r", data_digest="d"), COLUMNS)
    check_forecasts(table)
    return table


def assert_adds_up(table: pd.DataFrame) -> None:
    told = table[table["change"].notna()]
    assert len(told) > 500
    np.testing.assert_allclose(told["change"], told[PARTS].sum(axis=1), rtol=0, atol=1e-9)
    np.testing.assert_allclose(told["change"], told["probability"] - told["probability_previous"], rtol=0, atol=1e-9)


def usable(panel: pd.DataFrame, served: registry.Served) -> pd.Series:
    return abstention_reasons(panel, served.forecaster).isna()


def recomputed(knowledge: Knowledge, served: registry.Served, date: dt.datetime) -> pd.DataFrame:
    """What the model gives for `date`, found by window, from the panel as known now."""
    panel = knowledge.panel([date])
    usable = panel[abstention_reasons(panel, served.forecaster).isna()]
    return served.forecaster.predict(usable)[["target", *PAIR, "window_start", "probability"]]


def beside(table: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
    key = ["target", *PAIR, "window_start"]
    return table.merge(numbers.rename(columns={"probability": "was"}), on=key, how="inner", validate="one_to_one")


# ---- the change since last week ------------------------------------------------------------------


def test_without_a_run_of_last_week_the_change_is_new_data_by_the_same_model(
    known: Callable[[str], Knowledge], served: registry.Served, plain: Callable[[str], pd.DataFrame]
) -> None:
    table = plain(NEWS)
    assert_adds_up(table)
    told = table[table["change"].notna()]
    assert (told["change_model"] == 0).all()
    assert (told["change_revision"] == 0).all()
    assert (told["change_data"].abs() > 0.01).mean() > 0.3
    both = beside(told, recomputed(known(NEWS), served, as_moment(NEWS) - WEEK))
    assert len(both) == len(told)
    assert both["probability_previous"].equals(both["was"])


def test_in_a_week_without_news_nothing_moves(plain: Callable[[str], pd.DataFrame]) -> None:
    table = plain(QUIET)
    assert_adds_up(table)
    assert (table["change"].dropna() == 0).all()


def test_with_last_weeks_run_by_the_same_model_late_data_are_data_and_not_model(
    known: Callable[[str], Knowledge], served: registry.Served, plain: Callable[[str], pd.DataFrame]
) -> None:
    # As if last week's figures had been issued on data that were corrected since without a new date.
    issued = recomputed(known(NEWS), served, as_moment(NEWS) - WEEK)
    issued = issued.assign(probability=issued["probability"] + 0.01, model_version=served.version)
    late = week(known(NEWS), served, issued)
    assert_adds_up(late)
    assert (late["change_model"].dropna() == 0).all()
    np.testing.assert_allclose(late["change_data"], plain(NEWS)["change_data"] - 0.01, rtol=0, atol=1e-12)


def test_with_last_weeks_run_by_another_model_the_difference_of_the_models_is_told_apart(
    known: Callable[[str], Knowledge], served: registry.Served, other: registry.Served
) -> None:
    issued = recomputed(known(QUIET), other, as_moment(NEWS)).assign(model_version=other.version)
    table = week(known(QUIET), served, issued)
    assert_adds_up(table)
    told = table[table["change"].notna()]
    both = beside(told, issued)
    assert len(both) == len(told) == len(issued)
    assert both["probability_previous"].equals(both["was"])
    # Nothing was published in that week, so all of the change is the model's: away from what the other said.
    assert (both["change_model"] < -0.001).all()
    np.testing.assert_allclose(both["change_model"], both["change"], rtol=0, atol=1e-12)
    assert (both["change_data"].abs() < 1e-12).all()


def test_what_was_issued_counts_also_for_a_pair_that_the_model_would_not_have_given(
    known: Callable[[str], Knowledge], served: registry.Served
) -> None:
    now, before = (recomputed(known(NEWS), served, as_moment(NEWS) - back) for back in (0 * WEEK, WEEK))
    is_new = ~pd.MultiIndex.from_frame(now[PAIR]).isin(pd.MultiIndex.from_frame(before[PAIR]))
    pair = now[is_new].iloc[0][PAIR]
    issued = now[now[PAIR].eq(pair).all(axis=1)].assign(probability=0.123, model_version="another")
    table = week(known(NEWS), served, issued)
    assert_adds_up(table)
    own = table[table[PAIR].eq(pair).all(axis=1)]
    assert len(own) == 4
    assert own["probability_previous"].eq(0.123).all()


def test_over_new_year_a_year_is_compared_with_itself(
    known: Callable[[str], Knowledge], served: registry.Served
) -> None:
    before = as_moment(NEW_YEAR) - WEEK
    issued = recomputed(known(NEW_YEAR), served, before).assign(model_version=served.version)
    is_next = issued["window_start"].eq(utc("2008-01-01"))
    assert 2 * is_next.sum() == len(issued)
    issued["probability"] = issued["probability"] + np.where(is_next, 0.01, 0.02)
    table = week(known(NEW_YEAR), served, issued)
    assert_adds_up(table)
    both = beside(table[table["horizon"].eq("current_year") & ~table["abstained"]], issued[is_next])
    assert len(both) > 500
    assert both["probability_previous"].equals(both["was"])
    # Nobody spoke of 2009 in 2007.
    assert table.loc[table["horizon"].eq("next_year"), ["probability_previous", "change"]].isna().all(axis=None)


# ---- revisions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Revised:
    """A store in which one figure of 2006 was revised on 6 February 2008, and which pair it belongs to."""

    store: Store
    mineral: str
    supplier: str
    figure: pd.Series


@pytest.fixture(scope="module")
def revised(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Revised:
    """Take a revised BACI file with a single row into a copy of the store."""
    folder = tmp_path_factory.mktemp("revised")
    store = Store(Path(shutil.copytree(store.folder, folder / "datasets")))
    catalog = load_catalog()
    mineral_of = catalog.used_hs_codes().drop_duplicates("hs_code").set_index("hs_code")["mineral"]
    # In 2006 all of Jamaica's bauxite went to one buyer.
    flows = store.read("trade", as_of=as_moment(QUIET))
    flows = flows[flows["year"].eq(2006) & flows["hs_code"].eq("260600") & flows["supplier"].eq("JAM")]
    assert len(flows) == 1
    figure = flows.iloc[0]
    number = {catalog.iso3_of_baci(code): code for code in range(4, 895) if _is_known(code)}
    line = [
        2006,
        number[figure["supplier"]],
        number[figure["importer"]],
        figure["hs_code"],
        figure["value_usd"] / 1000,
        figure["quantity_tonnes"] * 0.02,
    ]
    path = folder / "BACI_revised.csv"
    path.write_text("t,i,j,k,v,q\n" + ",".join(map(str, line)) + "\n")
    receipt = ingest(store, "baci", path, now=as_moment("2008-06-30"), released=as_moment("2008-02-06"))
    assert receipt.added == {"trade": 1}
    return Revised(store, str(mineral_of[figure["hs_code"]]), "JAM", figure)


def _is_known(code: int) -> bool:
    try:
        return load_catalog().iso3_of_baci(code) is not None
    except UnknownCode:
        return False


def test_a_revision_known_since_last_week_moves_its_pair_and_is_called_a_revision(
    revised: Revised, served: registry.Served
) -> None:
    knowledge = Knowledge(revised.store, as_moment(QUIET), SIGNALS)
    table = week(knowledge, served)
    assert_adds_up(table)
    told = table[table["change"].notna()]
    own = told[told["mineral"].eq(revised.mineral) & told["supplier"].eq(revised.supplier)]
    assert len(own) == 4
    assert (own["change_revision"].abs() > 1e-4).all()
    unrelated = told[told["mineral"].ne(revised.mineral) & told["supplier"].ne(revised.supplier)]
    assert (unrelated["change_revision"] == 0).all()
    assert (told["change_model"] == 0).all()
    assert (told["change_data"].abs() < 1e-9).all()
    # The same from another side: had the figure been known like this from the start.
    trade = knowledge.tables["trade"]
    is_figure = trade["year"].eq(2006) & trade["hs_code"].eq(revised.figure["hs_code"])
    is_figure &= trade["supplier"].eq("JAM") & trade["importer"].eq(revised.figure["importer"])
    assert is_figure.sum() == 2
    right = trade[is_figure]["quantity_tonnes"].min()
    history = trade[~is_figure | trade["available_at"].lt(utc("2008-02-06"))]
    history = history.assign(quantity_tonnes=history["quantity_tonnes"].mask(is_figure, right))
    steps = all_steps({**knowledge.tables, "trade": history}, knowledge.catalog, knowledge.signals)
    panel = build_panel(steps, knowledge.catalog, [as_moment(QUIET) - WEEK], knowledge.signals)
    then = recomputed(knowledge, served, as_moment(QUIET) - WEEK)
    again = served.forecaster.predict(panel[abstention_reasons(panel, served.forecaster).isna()])[list(then.columns)]
    both = beside(beside(told, then).rename(columns={"was": "first"}), again)
    assert len(both) > 500
    np.testing.assert_allclose(both["change_revision"], both["was"] - both["first"], rtol=0, atol=1e-9)


def test_a_week_later_the_same_revision_is_none(revised: Revised, served: registry.Served) -> None:
    table = week(Knowledge(revised.store, as_moment("2008-02-18"), SIGNALS), served)
    assert_adds_up(table)
    assert (table["change"].dropna() == 0).all()


def test_a_week_earlier_nothing_is_known_of_it(revised: Revised, store: Store) -> None:
    assert revised.store.digest(as_of=as_moment(NEWS)) == store.digest(as_of=as_moment(NEWS))
    assert revised.store.digest(as_of=as_moment(QUIET)) != store.digest(as_of=as_moment(QUIET))


def trade_key() -> list[str]:
    return list(datasets.dataset("trade").key)


def test_only_another_version_of_a_known_fact_is_a_revision() -> None:
    table = rows(
        "trade",
        [
            flow(2000, "AUS", "JPN", 10),
            flow(2000, "AUS", "JPN", 8, available_at=utc("2002-03-01")),
            flow(2000, "CHN", "JPN", 5),
            flow(2000, "COD", "JPN", 3, available_at=utc("2002-03-01")),
        ],
    )
    found, count = with_revisions_known(table, trade_key(), since=utc("2002-02-15"))
    assert count == 1
    got = found.sort_values("supplier")[["supplier", "quantity_tonnes", "available_at"]].to_numpy().tolist()
    moment = utc("2002-02-01")
    assert got == [["AUS", 8.0, moment], ["CHN", 5.0, moment]]


def test_of_several_revisions_the_last_counts_and_a_withdrawal_is_one() -> None:
    later = [utc("2002-03-01"), utc("2002-04-01")]
    table = rows(
        "trade",
        [
            flow(2000, "AUS", "JPN", 10),
            flow(2000, "AUS", "JPN", 8, available_at=later[0]),
            flow(2000, "AUS", "JPN", 6, available_at=later[1]),
            flow(2000, "CHN", "JPN", 5),
            flow(2000, "CHN", "JPN", 5, available_at=later[0], is_retracted=True),
        ],
    )
    found, count = with_revisions_known(table, trade_key(), since=utc("2002-02-15"))
    assert count == 2
    assert found.set_index("supplier")["quantity_tonnes"].to_dict() == {"AUS": 6.0, "CHN": 5.0}
    assert found.set_index("supplier")["is_retracted"].to_dict() == {"AUS": False, "CHN": True}
    assert found["available_at"].eq(utc("2002-02-01")).all()


def test_without_a_revision_the_known_rows_come_back_untouched() -> None:
    table = rows("trade", [flow(2000, "AUS", "JPN", 10), flow(2001, "AUS", "JPN", 9)])
    found, count = with_revisions_known(table, trade_key(), since=utc("2002-06-01"))
    assert count == 0
    pd.testing.assert_frame_equal(found, table.head(1))


# ---- abstention, tiers, order --------------------------------------------------------------------


class Blurred(Knowledge):
    """Knowledge in which some pairs' last year is mostly imputed, or a feature that was always known is not."""

    def panel(self, as_ofs: Sequence[dt.datetime], **how: Any) -> pd.DataFrame:
        panel = super().panel(as_ofs, **how)
        at = panel.index[panel["trade_imputed"].lt(0.1)]
        panel.loc[at[0], "trade_imputed"] = 0.51
        panel.loc[at[1], "trade_imputed"] = 0.50
        panel.loc[at[2], "trade_share_3y"] = np.nan
        return panel


def test_a_pair_that_cannot_be_judged_gets_no_probability_but_a_reason(
    known: Callable[[str], Knowledge], served: registry.Served, plain: Callable[[str], pd.DataFrame]
) -> None:
    quiet = known(QUIET)
    panel = quiet.panel([quiet.as_of])
    imputed, half, unknown = (tuple(pair) for pair in panel[panel["trade_imputed"].lt(0.1)][PAIR].to_numpy()[:3])
    table = week(Blurred(quiet.store, quiet.as_of, quiet.signals), served).set_index(PAIR).sort_index()
    before = plain(QUIET).set_index(PAIR).sort_index()
    assert len(table) == len(before) == 4 * len(panel)
    assert before.loc[[imputed, half, unknown], "probability"].notna().all()
    held = table.loc[[imputed, unknown]]
    assert len(held) == 8
    assert held["abstained"].all()
    assert held[["probability", "p_low", "p_high", "tier", "driver_1", "change"]].isna().all(axis=None)
    assert not held["alert"].any()
    assert held[["base_rate", "window_start", "data_as_of"]].notna().all(axis=None)
    assert set(table.loc[[imputed], "reason"]) == {
        "more than half of the last known year's value has an imputed quantity"
    }
    assert set(table.loc[[unknown], "reason"]) == {"trade_share_3y is unknown, which it never was in training"}
    # Exactly half is still a forecast.
    assert not table.loc[[half], "abstained"].any()
    given = table[~table["abstained"]]
    assert given["reason"].isna().all()


def test_tier_and_alert_follow_from_the_numbers(
    known: Callable[[str], Knowledge], served: registry.Served, plain: Callable[[str], pd.DataFrame]
) -> None:
    table = plain(NEWS)
    given = table[~table["abstained"]]
    p = given["probability"]
    wanted = np.select([p >= 0.5, p >= 0.3, p >= 0.15], ["severe", "elevated", "guarded"], "low")
    assert given["tier"].tolist() == wanted.tolist()
    panel = known(NEWS).panel([as_moment(NEWS)]).set_index(PAIR)
    is_major = panel["trade_share_3y"].ge(0.05).reindex(pd.MultiIndex.from_frame(given[PAIR])).to_numpy()
    told = served.forecaster.predict_with_support(
        known(NEWS).panel([as_moment(NEWS)]).loc[lambda rows: usable(rows, served)]
    )
    low = told.set_index(KEY)["calibration_low"].reindex(pd.MultiIndex.from_frame(given[KEY])).to_numpy()
    is_raised = low > ALERT_TIMES_NORMAL * given["base_rate"]
    assert given["alert"].equals((p >= 0.3) & is_raised & is_major)
    assert 0 < given["alert"].sum() < len(given)
    # The published interval is wider than what alerts stand on.
    assert (given["p_low"] <= low).all()
    assert (given["p_low"] < low).mean() > 0.5


def test_the_limits_of_the_tiers_are_settings(known: Callable[[str], Knowledge], served: registry.Served) -> None:
    limits = Settings(home=Path("never-used"), tier_guarded=0.02, tier_elevated=0.03, tier_severe=0.04)
    table, _ = forecast_week(known(QUIET), served, limits, None)
    given = table[~table["abstained"]]
    assert given["tier"].eq("severe").tolist() == given["probability"].ge(0.04).tolist()


def test_rows_come_riskiest_first_within_target_and_horizon_and_abstained_last(
    plain: Callable[[str], pd.DataFrame],
) -> None:
    groups = plain(NEWS).groupby(["target", "horizon"], sort=False)
    assert [key for key, _ in groups] == [
        ("supply_drop", "current_year"),
        ("supply_drop", "next_year"),
        ("severe_supply_drop", "current_year"),
        ("severe_supply_drop", "next_year"),
    ]
    for _, part in groups:
        assert (np.diff(part["probability"].fillna(-1.0)) <= 0).all()


# ---- old data ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(cut_home: Callable[[str], Path], served: registry.Served) -> Callable[[str], pd.DataFrame]:
    """The rows of a week from a store that got nothing since June 2006: its newest trade year is 2004."""
    last = Knowledge(Store(cut_home("2006-06-05") / "datasets"), as_moment("2006-06-05"), SIGNALS)
    last.panel([last.as_of])
    made: dict[str, pd.DataFrame] = {}

    def at(date: str) -> pd.DataFrame:
        if date not in made:
            knowledge = Knowledge(last.store, as_moment(date), SIGNALS)
            # Nothing came, so what was worked out in 2006 still holds.
            vars(knowledge).update({name: getattr(last, name) for name in ("tables", "exports", "steps")})
            made[date] = week(knowledge, served)
        return made[date]

    return at


@pytest.mark.parametrize(
    ("date", "is_stale"),
    [
        ("2006-06-05", False),
        # 2005 was due on 1 February 2007; a month's grace ends on 4 March.
        ("2007-02-26", False),
        ("2007-03-05", True),
        ("2028-06-05", True),
    ],
)
def test_rows_are_stale_once_a_newer_year_should_have_come(
    stopped: Callable[[str], pd.DataFrame], date: str, is_stale: bool
) -> None:
    table = stopped(date)
    assert table["stale"].eq(is_stale).all()
    assert table["data_as_of"].eq(utc("2006-02-01")).all()


def test_the_interval_of_a_week_with_old_data_is_wider(stopped: Callable[[str], pd.DataFrame]) -> None:
    fresh, old = (stopped(date).set_index(KEY) for date in ("2006-06-05", "2010-06-07"))
    widths = pd.DataFrame({"fresh": fresh["p_high"] - fresh["p_low"], "old": old["p_high"] - old["p_low"]}).dropna()
    assert len(widths) > 1000
    assert (widths["old"] > widths["fresh"]).mean() > 0.95
    assert (widths["old"] - widths["fresh"]).mean() > 0.05


def test_a_week_with_data_older_than_was_ever_measured_gives_no_probability_and_says_so(
    stopped: Callable[[str], pd.DataFrame],
) -> None:
    old = stopped("2028-06-05")
    assert old["abstained"].all()
    # Pairs that could not be judged before keep their own reason.
    assert old["reason"].eq("the last known trade year is 24 years back, too old").mean() > 0.8
    assert old["reason"].notna().all()
    assert not stopped("2010-06-07")["abstained"].all()


def test_a_pair_far_from_what_was_learned_from_gets_no_probability(
    known: Callable[[str], Knowledge], served: registry.Served
) -> None:
    panel = known(QUIET).panel([as_moment(QUIET)])
    panel = panel[usable(panel, served)].reset_index(drop=True)
    far = panel.copy()
    names = [name for name in served.forecaster.features if name != "trade_data_age_years"][:20]
    far.loc[0, names] = 1e9
    reasons = abstention_reasons(far, served.forecaster)
    assert reasons.notna().tolist() == [True] + [False] * (len(far) - 1)
    assert reasons[0].endswith("of what is known about the pair lies outside of what the model learned from")


def test_age_beyond_what_was_learned_from_widens_the_interval_and_leaves_the_probability(
    known: Callable[[str], Knowledge], served: registry.Served
) -> None:
    panel = known(QUIET).panel([as_moment(QUIET)])
    panel = panel[abstention_reasons(panel, served.forecaster).isna()]
    # The longest lead that is learned is four years.
    fresh, stale, older = (
        served.forecaster.predict(panel.assign(trade_data_age_years=age)).query("horizon == 'current_year'")
        for age in (4.0, 5.0, 7.0)
    )
    assert fresh["probability"].equals(older["probability"])
    for narrow, wide in ((fresh, stale), (stale, older)):
        # Calibration's own pair is held whatever the age, and is the wider one for some.
        assert (wide["p_low"] <= narrow["p_low"]).all()
        assert (wide["p_high"] >= narrow["p_high"]).all()
        assert (wide["p_high"] - wide["p_low"] > narrow["p_high"] - narrow["p_low"]).mean() > 0.5
