"""The weekly page: self-contained, the same for the same run, honest about gaps, and safe with odd text."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from features.errors import ContractError
from ml.contract import COLUMNS, EXPLANATION_COLUMNS, check_forecasts, conform, tier_of
from ml.publish.weekly_report import render_weekly_report

META = {"as_of": "2026-11-23", "week": "2026-W48", "run_id": "2026-W48-abc", "kind": "live"}
SCORES = {
    "onset_auc": {"value": 0.74, "low": 0.72, "high": 0.77},
    "when": {"value": 0.55, "low": 0.53, "high": 0.58},
    "ece": 0.021,
    "source": "oresight backtest --target supply_drop",
}
MINERALS = ("cobalt", "gallium", "rare_earths", "tungsten", "nickel", "lithium", "tin", "antimony")
SUPPLIERS = ("COD", "CHN", "IDN", "AUS", "CHL")
PARTS = [
    (target, horizon) for target in ("supply_drop", "severe_supply_drop") for horizon in ("current_year", "next_year")
]


def build_forecasts(**changes) -> pd.DataFrame:
    """Four forecasts of 40 pairs; severe drops are half as likely, next year's drops likelier."""
    rng = np.random.default_rng(0)
    pairs = [(mineral, supplier) for mineral in MINERALS for supplier in SUPPLIERS]
    chance = rng.uniform(0.03, 0.45, len(pairs))
    parts = []
    for target, horizon in PARTS:
        p = chance * (0.5 if target.startswith("severe") else 1.0) * (1.1 if horizon == "next_year" else 1.0)
        year = 2026 + (horizon == "next_year")
        part = pd.DataFrame(pairs, columns=["mineral", "supplier"]).assign(
            target=target,
            horizon=horizon,
            window_start=pd.Timestamp(f"{year}-01-01", tz="UTC"),
            window_end=pd.Timestamp(f"{year}-12-31", tz="UTC"),
            probability=p,
        )
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    p = rows["probability"]
    fixed = {
        "run_id": META["run_id"],
        "as_of": pd.Timestamp("2026-11-23", tz="UTC"),
        "stage": "processing",
        "p_low": p * 0.8,
        "p_high": p * 1.1,
        "base_rate": 0.25,
        "tier": tier_of(p, (0.15, 0.3, 0.5)),
        "alert": p > 0.4,
        "onset": True,
        "probability_previous": p,
        "change": 0.0,
        "change_data": 0.0,
        "change_revision": 0.0,
        "change_model": 0.0,
        "driver_1": "exports fell 41 % between 2023 and 2024 (raises the risk)",
        "driver_2": "sells to 3 countries only (raises the risk)",
        "driver_3": "no drop on record (lowers the risk)",
        "data_as_of": pd.Timestamp("2026-02-01", tz="UTC"),
        "stale": False,
        "abstained": False,
        "reason": None,
        "model_name": "lightgbm",
        "model_version": "feedbeef0123",
        "data_digest": "c0ffee",
    }
    return conform(rows.assign(**(fixed | changes)), COLUMNS)


def abstain(rows: pd.DataFrame, which: pd.Series, reason: str) -> pd.DataFrame:
    rows = rows.copy()
    numbers = ["probability", "p_low", "p_high", "probability_previous", "change", "change_data", "change_revision"]
    rows.loc[which, [*numbers, "change_model", "tier", "driver_1", "driver_2", "driver_3"]] = None
    rows.loc[which, "alert"], rows.loc[which, "abstained"], rows.loc[which, "reason"] = False, True, reason
    return conform(rows, COLUMNS)


def move(
    rows: pd.DataFrame, mineral: str, supplier: str, *, data: float, revision: float, model: float
) -> pd.DataFrame:
    rows = rows.copy()
    at = rows["mineral"].eq(mineral) & rows["supplier"].eq(supplier) & rows["target"].eq("supply_drop")
    at &= rows["horizon"].eq("current_year")
    rows.loc[at, ["change_data", "change_revision", "change_model"]] = [data, revision, model]
    rows.loc[at, "change"] = data + revision + model
    rows.loc[at, "probability_previous"] = rows.loc[at, "probability"] - rows.loc[at, "change"]
    return rows


def build_explanations() -> pd.DataFrame:
    keys = build_forecasts()[["run_id", "target", "horizon", "mineral", "supplier"]]
    terms = [("base", "base", -0.8), ("trade", "trade_growth_1y", 0.9), ("governance", "governance_rule_of_law", -0.3)]
    parts = [keys.assign(signal=s, feature=f, value=1.0, contribution=c) for s, f, c in terms]
    return conform(pd.concat(parts, ignore_index=True), EXPLANATION_COLUMNS)


def build_history() -> pd.DataFrame:
    """DR Congo leads every mineral each year; Chile sells in one year only, and then more than all others."""
    sizes = {"COD": 60.0, "CHN": 30.0, "IDN": 20.0, "AUS": 1.0}
    rows = [(m, s, y, t) for m in MINERALS for s, t in sizes.items() for y in range(2000, 2025)]
    rows += [(m, "CHL", 2023, 900.0) for m in MINERALS]
    return pd.DataFrame(rows, columns=["mineral", "supplier", "year", "tonnes"])


def render(forecasts=None, explanations=None, history=None, **meta) -> str:
    return render_weekly_report(
        build_forecasts() if forecasts is None else forecasts,
        build_explanations() if explanations is None else explanations,
        META | {"scores": SCORES} | meta,
        build_history() if history is None else history,
    )


def words(page: str) -> str:
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", text)


def section(page: str, heading: str) -> str:
    return re.search(rf'<h2 id="{heading}">.*?</section>', page, flags=re.DOTALL)[0]


VOID = {"meta", "br", "link", "img", "hr", "input", "rect", "path", "line", "circle"}


class Structure(HTMLParser):
    """Collects what a reader's machine needs: tags in balance, ids, captions, scopes, addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.addresses: list[str] = []
        self.tags: dict[str, int] = {}
        self.scopeless = 0

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.ids += [found["id"]] if "id" in found else []
        self.labels += [found["aria-labelledby"]] if "aria-labelledby" in found else []
        self.addresses += [found[name] for name in ("src", "href", "xlink:href") if name in found]
        self.scopeless += tag == "th" and "scope" not in found
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def parse(page: str) -> Structure:
    found = Structure()
    found.feed(page)
    assert found.open == []
    return found


def test_sample_obeys_the_contract():
    check_forecasts(build_forecasts())
    check_forecasts(abstain(build_forecasts(), build_forecasts()["mineral"].eq("tin"), "no figures"))


def test_page_needs_nothing_from_elsewhere_and_runs_no_script():
    page = render()
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"@import|javascript:|\son\w+=", page)
    assert [address for address in parse(page).addresses if not address.startswith("#")] == []


def test_page_can_be_read_by_machines_that_read_aloud():
    page = render()
    found = parse(page)
    assert '<html lang="en">' in page
    assert found.tags["caption"] == found.tags["table"]
    assert found.scopeless == 0
    assert len(found.ids) == len(set(found.ids))
    assert set(found.labels) <= set(found.ids)
    assert '<span lang="zh-Hant">鈷</span>' in page


def test_tier_is_told_by_words_and_marks_not_by_colour_alone():
    page = words(render())
    assert "■■■□ elevated" in page
    assert "■■□□ guarded" in page


def test_same_run_gives_the_same_bytes_in_any_order_of_rows():
    rows, explanations, history = build_forecasts(), build_explanations(), build_history()
    page = render(rows, explanations, history)
    shuffled = [table.sample(frac=1.0, random_state=7) for table in (rows, explanations, history)]
    assert page == render(*shuffled)
    assert page != render(rows.assign(probability=rows["probability"] * 0.99))


def test_inputs_are_not_changed():
    tables = build_forecasts(), build_explanations(), build_history()
    before = [table.copy() for table in tables]
    render(*tables)
    for table, copy in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(table, copy)


def test_page_is_made_in_time():
    render()
    start = time.perf_counter()
    render()
    assert time.perf_counter() - start < 6.0


def test_headline_counts_tiers_and_names_the_highest_established_supplier():
    rows = build_forecasts()
    first = rows[rows["target"].eq("supply_drop") & rows["horizon"].eq("current_year")]
    established = first[first["supplier"].isin(["COD", "CHN", "IDN"])]
    top = established.loc[established["probability"].idxmax()]
    page = words(render())
    assert (
        f"Of 40 mineral–supplier pairs, 0 are at severe and {first['tier'].eq('elevated').sum()} at elevated risk"
        in page
    )
    assert "supply drop in 2026; among established major suppliers, the highest is" in page
    assert f"{100 * top['probability']:.0f} %, where 25 % would be normal" in page


def test_one_odd_year_makes_no_established_supplier():
    page = render()
    majors = re.search(r"<caption>Established.*?</table>", page, flags=re.DOTALL)[0]
    assert "DR Congo" in majors
    assert "Chile" not in majors
    assert "Australia" not in majors
    assert "Chile" in re.search(r"<caption>All suppliers.*?</table>", page, flags=re.DOTALL)[0]


def test_tables_hold_the_highest_and_no_more_than_asked():
    page = render()
    rows = build_forecasts()
    for caption, target, horizon, most in (
        ("All suppliers: highest probability of a supply drop in 2026", "supply_drop", "current_year", 25),
        ("Highest probability of a supply drop in 2027", "supply_drop", "next_year", 10),
        ("Highest probability of a severe supply drop in 2026", "severe_supply_drop", "current_year", 10),
    ):
        table = page[page.index(f"<caption>{caption}") :].split("</table>")[0]
        shown = [int(p) for p in re.findall(r"<strong>(\d+)\u00a0%</strong>", table)]
        part = rows[rows["target"].eq(target) & rows["horizon"].eq(horizon)]["probability"]
        assert shown == [round(100 * p) for p in part.nlargest(most)]


def test_who_and_when_are_told_with_the_measured_numbers():
    page = words(render())
    assert "ranked them rightly 74 times in 100 (95 % interval 72 to 77)" in page
    assert "it says little about timing" in page
    assert "55 times in 100 (95 % interval 53 to 58)." in page
    assert "2.1 percentage points off" in page
    assert "oresight backtest --target supply_drop" in page
    better = SCORES | {"when": {"value": 0.66, "low": None, "high": None}}
    assert "it says something about timing" in words(render(scores=better))
    held = SCORES | {"when_persistence": {"value": 0.49, "low": 0.42, "high": 0.56}}
    assert "the last known year alone does so 49 times in 100 (95 % interval 42 to 56)" in words(render(scores=held))


@pytest.mark.parametrize("scores", [None, {}])
def test_without_measured_skill_no_number_is_claimed(scores):
    page = words(render(scores=scores))
    assert "Its skill was not measured with this run" in page
    assert "times in 100" not in page


def test_one_score_alone_is_shown_alone():
    page = words(render(scores={"ece": 0.03}))
    assert "3.0 percentage points off" in page
    assert "times in 100" not in page


def test_movers_are_split_and_each_pair_stands_once():
    rows = move(build_forecasts(), "cobalt", "COD", data=0.05, revision=-0.012, model=0.0)
    table = words(section(render(rows), "moved"))
    assert "DR Congo Supply drop in 2026" in table
    assert "+3.8 +5.0 \u22121.2 0" in table
    assert table.count("DR Congo") == 1


def test_nothing_moved_is_said_plainly():
    rows = move(build_forecasts(), "cobalt", "COD", data=0.004, revision=0.0, model=0.0)
    page = words(render(rows))
    assert "nothing moved: no probability changed by half a point or more" in page
    assert "Largest changes" not in page


def test_a_first_run_has_nothing_to_compare_with():
    gone = dict.fromkeys(["probability_previous", "change", "change_data", "change_revision", "change_model"], np.nan)
    page = words(render(build_forecasts(**gone)))
    assert "no earlier run to compare with" in page
    assert "nothing moved" not in page.lower()


def test_cards_show_reasons_contributions_and_exports():
    page = section(render(), "cards")
    assert page.count("<article") == 8
    assert page.count("sells to 3 countries only (raises the risk)") == 8
    assert page.count("Trade record") >= 8
    assert page.count("+0.90") >= 8
    assert page.count("\u22120.30") >= 8
    assert page.count("Exports of") == 8
    assert "Base" not in page


def test_share_at_risk_by_mineral_is_the_sum_over_its_risky_suppliers():
    rows = build_forecasts(tier="low")
    risky = rows["mineral"].eq("tungsten") & rows["supplier"].isin(["COD", "AUS"])
    rows["tier"] = rows["tier"].mask(risky, "elevated")
    table = words(section(render(rows), "minerals"))
    share = (3 * 60 + 3 * 1) / (3 * (60 + 30 + 20 + 1) + 900)
    assert f"Tungsten 鎢 {100 * share:.0f} % 2 5" in table
    assert "Gallium 鎵 0 % 0 5" in table


def test_gaps_and_stale_data_are_listed_with_their_reasons():
    rows = build_forecasts()
    rows = abstain(rows, rows["mineral"].eq("tin") & rows["supplier"].eq("IDN"), "half of the value was imputed")
    rows["stale"] = rows["mineral"].eq("nickel") & rows["supplier"].eq("AUS")
    page = words(section(render(rows), "gaps"))
    assert "No probability, 1 pair: half of the value was imputed" in page
    assert "Tin ores from Indonesia" in page
    assert "Stale data, 1 pair: older than the publisher's calendar" in page.replace("&#39;", "'")
    assert "Nothing: every pair" not in page
    assert "Nothing: every pair has a probability" in words(section(render(), "gaps"))


def test_data_dates_tier_cuts_and_provenance_are_on_the_page():
    page = words(
        render(
            data_as_of={"trade": "2026-02-01"},
            tier_limits={"guarded": 0.15, "elevated": 0.3, "severe": 0.5},
            trained_as_of="2026-10-05",
            counts={"rows_read": 160},
        )
    )
    assert "Trade 1 February 2026" in page
    assert "Probability 30 % or more" in page
    assert "Probability under 15 %" in page
    for text in (
        "2026-W48-abc",
        "feedbeef0123",
        "c0ffee",
        "trained on what was known on 5 October 2026",
        "rows read 160",
    ):
        assert text in page


def test_hindcast_says_so_and_a_live_page_does_not():
    assert "It was not issued to anybody at the time" in render(kind="hindcast")
    assert "It was not issued to anybody at the time" not in render()


def test_odd_text_is_shown_and_not_run():
    odd = '<script>alert("x")</script> & <b>'
    rows = build_forecasts(driver_1=odd, model_name=odd)
    rows = abstain(rows, rows["mineral"].eq("tin"), odd)
    rows.loc[rows["mineral"].eq("cobalt"), "supplier"] = rows["supplier"].map(lambda code: f"<i>{code}")
    history = build_history()
    history.loc[history["mineral"].eq("cobalt"), "supplier"] = "<i>" + history["supplier"]
    page = render(rows, history=history, scores=SCORES | {"source": odd}, data_as_of={"<u>": "2026-01-01"})
    assert "<script" not in page
    assert "<i>" not in page
    assert "<u>" not in page
    assert "&lt;script&gt;alert(" in page
    parse(page)


def test_all_abstained_still_gives_a_page():
    rows = build_forecasts()
    page = render(abstain(rows, rows["probability"].notna(), "no trade figures"), build_explanations().iloc[:0])
    text = words(page)
    assert "No probability is given this week: all 40 mineral–supplier pairs abstained" in text
    assert "no probability was given this week" in text
    assert "and 28 more" in text
    assert "nan" not in text.lower().split()
    parse(page)


def test_no_rows_at_all_still_give_a_page():
    page = render(build_forecasts().iloc[:0], build_explanations().iloc[:0], build_history().iloc[:0])
    assert "There is no forecast this week: the run holds no rows" in words(page)
    parse(page)


def test_no_history_gives_a_page_without_shares_and_charts():
    page = render(history=build_history().iloc[:0])
    assert "Established major" not in page
    assert "Exports of" not in page
    assert "Pairs most at risk, one by one" in page
    parse(page)


def test_a_year_that_stands_twice_in_the_history_is_refused():
    history = build_history()
    with pytest.raises(ContractError, match="twice"):
        render(history=pd.concat([history, history.iloc[:1]]))
