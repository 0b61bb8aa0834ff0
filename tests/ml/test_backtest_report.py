"""The backtest report and its charts: self-contained, repeatable, readable, and honest about losses."""

from __future__ import annotations

import re
import time
from copy import deepcopy
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from features.errors import BadInput
from ml import charts, pages
from ml.backtest_report import headline_sentences, render_backtest_report, shortfall_sentences
from ml.score_table import CHAMPION, score_predictions

META = {
    "as_of_range": "2012-01-02 to 2019-07-01",
    "git_commit": "0123abc",
    "data_digest": "sha256:77",
    "lock_hash": "sha256:88",
    "command": "oresight backtest --target supply_drop --out <folder> & more",
}

SKILL = {
    "lightgbm": 2.0,
    "pair_history": 0.8,
    "climatology": 0.0,
    "persistence": 0.3,
    "logistic_regression": 1.2,
}


def build_predictions(
    *, minerals: int = 6, suppliers: int = 4, horizons: tuple[str, ...] = ("current_year",), void: float = 0.1
) -> pd.DataFrame:
    """Two forecasts a year for each pair; a model's probability is the label blurred by its skill."""
    rng = np.random.default_rng(0)
    origins = pd.to_datetime([f"{y}-{m}-01" for y in range(2012, 2020) for m in ("01", "07")], utc=True)
    parts = [horizons, [f"mineral_{i}" for i in range(minerals)], ["CHN", "CHL", "COD", "AUS"][:suppliers]]
    keys = pd.MultiIndex.from_product(
        [*parts, origins.as_unit("us")], names=["horizon", "mineral", "supplier", "as_of"]
    )
    facts, n = keys.to_frame(index=False), len(keys)
    truth, is_void = (rng.random(n) < 0.3).astype(float), rng.random(n) < void
    facts = facts.assign(
        target="supply_drop",
        label=np.where(is_void, np.nan, truth),
        void_reason=pd.array(np.where(is_void, "mostly_imputed", None), dtype="string"),
        onset=rng.random(n) < 0.7,
        is_major=facts["mineral"] < "mineral_3",
        is_transit=facts["supplier"] == "AUS",
    )
    logits = {model: k * (truth - 0.5) - 0.8 + rng.normal(0, 0.8, n) for model, k in SKILL.items()}
    return pd.concat(
        [facts.assign(model=m, probability=1 / (1 + np.exp(-x))) for m, x in logits.items()],
        ignore_index=True,
    )


def one_part(scores, horizon="current_year"):
    return scores["targets"]["supply_drop"][horizon]


@pytest.fixture(scope="module")
def predictions():
    return build_predictions(minerals=8, horizons=("current_year", "next_year"))


@pytest.fixture(scope="module")
def scores(predictions):
    return score_predictions(predictions, n_draws=60)


@pytest.fixture(scope="module")
def page(predictions, scores):
    return render_backtest_report(predictions, scores, META)


class Tags(HTMLParser):
    """Collects tags with attributes, and notes tags that are closed in the wrong order."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_loads_nothing_and_runs_nothing(page):
    assert "<script" not in page
    assert "http" not in page
    assert "url(" not in re.sub(r"url\(#c[0-9a-f]{10}-\d+\)", "", page)
    assert not [tag for tag, _ in Tags(page).found if tag in {"link", "img", "iframe", "object"}]


def test_page_is_well_formed_with_a_language_captions_and_labelled_figures(page):
    tags = Tags(page)
    assert tags.open == []
    assert ("html", {"lang": "en"}) in tags.found
    count = [tag for tag, _ in tags.found].count
    assert count("table") == count("caption") == 4
    assert count("figure") == count("svg") == count("figcaption") == 12
    labels = [attrs["aria-label"] for tag, attrs in tags.found if attrs.get("role") == "img"]
    assert len(set(labels)) == 12
    assert all(attrs.get("scope") for tag, attrs in tags.found if tag == "th")
    ids = [attrs["id"] for _, attrs in tags.found if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_page_is_the_same_bytes_again_and_quick(predictions, scores, page):
    started = time.perf_counter()
    assert render_backtest_report(predictions, scores, META) == page
    assert time.perf_counter() - started < 30


def test_facts_of_the_run_are_shown_and_escaped(page):
    assert "--out &lt;folder&gt; &amp; more" in page
    for text in ("sha256:77", "sha256:88", "0123abc", "2012-01-02 to 2019-07-01"):
        assert text in page


def test_numbers_on_the_page_are_those_of_the_scores(page, scores):
    part = one_part(scores, horizon="next_year")
    for name in ("onset", "all"):
        for metrics in part["slices"][name]["models"].values():
            auc = metrics["roc_auc"]
            assert f'{auc["value"]:.2f} <span class="range">[{auc["low"]:.2f} to {auc["high"]:.2f}]' in page
    outcomes = part["outcomes"]
    assert f"<td>{outcomes['void']}</td>" in page
    assert f"<td>{100 * outcomes['void_rate']:.1f} %</td>" in page
    assert "Mostly imputed" in page


def test_headline_says_who_when_and_what_was_missed(scores):
    ours = one_part(scores)["slices"]["onset"]["models"][CHAMPION]
    lead, who, when, alerts = headline_sentences(scores)
    assert f"right {100 * ours['roc_auc']['value']:.0f} times in 100" in lead
    assert f"it is right {100 * ours['when']['value']:.0f} times" in lead
    assert f"misses {100 * ours['missed_at_budget']['value']:.0f} of 100 new drops" in lead
    assert who.startswith("Who: better than pair history")
    # Not pair history, which nobody finds hard to beat at that.
    assert when.startswith("When: not shown to be better than logistic regression, the best baseline. Within-pair")
    assert f"{ours['false_alarms_per_hit']['value']:.1f} false alarms per hit" in alerts


BEST_AT_WHEN = "logistic_regression"


def with_interval(scores, metric, value, low, high, *, than="pair_history"):
    """A copy of the scores in which one difference to a baseline, on new drops, is another."""
    changed = deepcopy(scores)
    new = {"value": value, "low": low, "high": high}
    one_part(changed)["differences"][than]["onset"][metric] = new
    return changed


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.2, "better than"),
        (-0.1, 0.2, "not shown to be better than"),
        (-0.2, -0.1, "worse than"),
        (None, None, "not tested against"),
    ],
)
def test_verdict_follows_the_interval(scores, low, high, verdict):
    who = headline_sentences(with_interval(scores, "roc_auc", 0.1, low, high))[1]
    assert who.startswith(f"Who: {verdict} pair history")
    when = headline_sentences(with_interval(scores, "when", 0.1, low, high, than=BEST_AT_WHEN))[2]
    assert when.startswith(f"When: {verdict} logistic regression")


def test_losses_are_listed(scores):
    part = one_part(with_interval(scores, "when", 0.02, -0.05, 0.1))
    lost = "When: not shown to be better than pair history; concordance difference 0.02 (95 % interval −0.05 to 0.10)."
    assert lost in shortfall_sentences(part, CHAMPION)
    part = one_part(with_interval(scores, "roc_auc", -0.1, -0.2, -0.05))
    found = shortfall_sentences(part, CHAMPION)
    assert "Who: worse than pair history; AUC difference −0.10 (95 % interval −0.20 to −0.05)." in found
    part["by_mineral"][0] |= {"insufficient": False, "roc_auc": {CHAMPION: 0.4, "pair_history": 0.6}}
    assert "Ranked worse than by a coin flip, mineral by mineral: Mineral 0." in shortfall_sentences(part, CHAMPION)


def test_wins_are_not_listed_as_losses(scores):
    part = deepcopy(one_part(scores))
    for baseline in part["differences"].values():
        baseline["onset"] = {name: {"value": 0.2, "low": 0.1, "high": 0.3} for name in baseline["onset"]}
    found = shortfall_sentences(part, CHAMPION)
    assert not [sentence for sentence in found if sentence.startswith(("Who", "When"))]
    assert found[-1].startswith("At the alert budget")


def test_too_few_drops_are_said_and_not_judged():
    frame = build_predictions(minerals=2, suppliers=1, void=0)
    frame["label"] = (frame.groupby("model").cumcount() < 4).astype(float)
    scores = score_predictions(frame, n_draws=20)
    (sentence,) = headline_sentences(scores)
    assert sentence.startswith("Too few new drops to judge")
    page = render_backtest_report(frame, scores, META)
    assert "too few to judge" in page
    assert "By kind of case" not in page


def test_page_without_intervals_claims_no_tests(predictions):
    page = render_backtest_report(predictions, score_predictions(predictions, n_draws=0), META)
    assert "not tested against" in page
    assert "Not computed in this run" in page
    assert 'class="range"' not in page


def test_scores_of_other_predictions_are_refused(predictions, scores):
    with pytest.raises(BadInput, match="Score these predictions again"):
        render_backtest_report(predictions[predictions["mineral"] != "mineral_0"], scores, META)


def test_champion_is_required(predictions):
    frame = predictions[predictions["model"] != CHAMPION]
    with pytest.raises(BadInput, match="lightgbm"):
        render_backtest_report(frame, score_predictions(frame, n_draws=0), META)


# --- charts ---------------------------------------------------------------------------------------------


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def sample():
    rng = np.random.default_rng(0)
    label = (rng.random(400) < 0.3).astype(float)
    return label, {
        m: np.clip(0.3 * label * k + rng.random(400) / 2, 0, 1) for m, k in (("lightgbm", 1), ("pair_history", 0))
    }


def test_svg_is_the_same_bytes_again_even_with_clips():
    label, probability = sample()
    chart = charts.roc_chart(label, probability, title="Ranking")
    chart.layer[0].mark.clip = True
    first = charts.to_svg(chart)
    assert first == charts.to_svg(chart)
    used, made = (set(re.findall(pattern, first)) for pattern in (r"url\(#([^)]+)\)", r'\bid="([^"]+)"'))
    assert used == made != set()
    assert all(re.fullmatch(r"c[0-9a-f]{10}-\d+", name) for name in made)


def test_charts_that_differ_share_no_ids():
    label, probability = sample()
    ids = []
    for title in ("One", "Two"):
        chart = charts.roc_chart(label, probability, title=title)
        chart.layer[0].mark.clip = True
        ids.append(set(re.findall(r'\bid="([^"]+)"', charts.to_svg(chart))))
    assert not ids[0] & ids[1]


def test_curves_state_their_scores_and_their_title():
    label, probability = sample()
    area = charts.roc_auc(label, probability["lightgbm"])
    found = texts(charts.to_svg(charts.roc_chart(label, probability, title="Ranking: supply drop")))
    assert "Ranking: supply drop" in found
    assert f"oresight {area:.2f}" in found
    precision = charts.average_precision(label, probability["pair_history"])
    found = texts(charts.to_svg(charts.precision_recall_chart(label, probability, title="Alerts")))
    assert f"Pair history {precision:.2f}" in found
    assert f"Higher is better; the dashed line is the base rate, {100 * label.mean():.0f} %" in found


def test_curves_are_thinned_but_keep_their_ends():
    rng = np.random.default_rng(1)
    label = (rng.random(20_000) < 0.3).astype(float)
    chart = charts.roc_chart(label, {"lightgbm": rng.random(20_000)}, title="").to_dict()
    points = next(rows for rows in chart["datasets"].values() if len(rows) > 2)
    assert len(points) < 250
    assert (points[0]["x"], points[0]["y"], points[-1]["x"], points[-1]["y"]) == (0, 0, 1, 1)


def test_minerals_are_sorted_by_score_and_thin_ones_left_out():
    rows = [
        {
            "mineral": m,
            "n": 50,
            "events": 12,
            "insufficient": few,
            "roc_auc": {"lightgbm": auc, "pair_history": 0.6},
        }
        for m, auc, few in (("cobalt", 0.6, False), ("rare_earths", 0.8, False), ("tin", 0.9, True))
    ]
    found = texts(charts.to_svg(charts.mineral_chart(rows, title="By mineral")))
    names = [text for text in found if "of 50" in text]
    assert names == ["Rare earths (12 of 50)", "Cobalt (12 of 50)"]


def test_an_unknown_id_is_shown_in_plain_words():
    assert pages.name_of("price_spike", pages.TARGET_NAMES) == "Price spike"
    assert pages.name_of("next_year", pages.HORIZON_NAMES) == "in the year after the forecast"
