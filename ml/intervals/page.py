"""The page on intervals and abstention, as Markdown, and its chart; every figure comes from `ml.intervals.study`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from ml.charts import styled, to_svg
from ml.page_tables import cell, percent, plain, table
from models.intervals import LEVEL

__all__ = ["CHART", "render_page", "risk_chart"]

CHART = "intervals-risk-coverage.svg"
FEW_CELLS = 5
Json = Mapping[str, Any]
HORIZON = {"current_year": "current year", "next_year": "next year"}
COVERAGE_HEAD = ("n", "events", "cells", "mean P", "observed", "width", "inside", "covered", "calibration's", "none")
COLOURS = ("#0b3c6f", "#c2570c", "#2a8068", "#8b4f9f", "#b8860b", "#6b7280")


def render_page(result: Json) -> str:
    """Give the page from what the study computed."""
    about = result["about"]
    until = about["chosen_until"]
    lines = [
        "# Intervals and abstention",
        "",
        f"Written by `{about['command']}`; origins {about['origins']}; signals {about['signals']}; data "
        f"{about['data_digest']}; code {about.get('git_commit', 'unknown')}. Settings were chosen on origins to "
        f"{until}; those after it were looked at once.",
        "",
        "`p_low` and `p_high` are meant to hold the rate behind a probability in nine of ten groups: of all pairs "
        "that get",
        "about this probability in a year, the share whose exports then fall. A group (cell) is a tenth, by "
        "probability, of",
        "a year's rows, and at least thirty of them. **inside**: its observed rate lies between its mean `p_low` and",
        "`p_high`; sampling alone pushes a perfect interval below 90 % here. **covered**: its count lies in the "
        "central",
        "90 % of the beta-binomial law that interval and sampling make together; a right interval has 90 %. Two "
        "yardsticks",
        "are judged by the same law: calibration's own (Venn-Abers) interval, and no interval at all, which leaves "
        "sampling",
        "alone. `width` is in points of probability.",
        "",
        "## By target and horizon",
        "",
        table(
            ["target", "horizon", "origins", *COVERAGE_HEAD],
            [
                [line["target"].replace("_", " "), HORIZON[line["horizon"]], line["span"], *_coverage(line)]
                for line in result["coverage"]
            ],
        ),
        *_section("By year of the target (supply drop, current year)", "year", result["by_year"], _year_words(result)),
        *_section("By slice (supply drop, current year)", "rows", result["by_slice"], SLICE_WORDS),
        *_section("Minerals covered worst", "mineral", _worst(result["by_mineral"]), MINERAL_WORDS),
        *_ages(result["by_age"]),
        *_risk(result["risk_coverage"]),
        *_abstained(result["abstained"]),
        *_alerts(result["alerts"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


SLICE_WORDS = (
    "Cells are made anew within each slice. *Tails*: below the 1st or above the 99th percentile of a feature's "
    "training rows; the share of a pair's features there is its distance. Onsets and continuations are told apart by "
    "what was known, and each is calibrated as far as the model is."
)
MINERAL_WORDS = (
    "One mineral's suppliers share its market, so a mineral errs as a whole: an interval per probability does not "
    "hold that. The eight lowest of all minerals with five cells or more."
)


def _coverage(line: Json) -> list[str]:
    numbers = [f"{line[name]:,}" for name in ("n", "events", "cells")]
    shares = [percent(line[name], 1) for name in ("mean_probability", "observed_frac", "mean_width")]
    names = ("interval_inside", "interval_covered", "calibration_covered", "none_covered")
    return [*numbers, *shares, *(percent(line[name]) for name in names)]


def _section(title: str, key: str, rows: Sequence[Json], words: str) -> list[str]:
    head = [key, *COVERAGE_HEAD]
    return [f"## {title}", "", words, "", table(head, [[str(row["group"]), *_coverage(row)] for row in rows])]


def _year_words(result: Json) -> str:
    worst = min(result["by_year"], key=lambda row: row["interval_covered"])
    return (
        f"A year errs as a whole. The worst is {worst['group']}, in which {percent(worst['observed_frac'])} fell "
        f"where {percent(worst['mean_probability'])} were expected; {percent(worst['interval_covered'])} of its cells "
        "are covered. No interval learned from the years before could know of it. Once its outcomes are out, "
        "intervals are wide for as long as it is among the nine years that calibration uses."
    )


def _worst(rows: Iterable[Json]) -> list[Json]:
    enough = [row for row in rows if row["cells"] >= FEW_CELLS]
    return sorted(enough, key=lambda row: (row["interval_covered"], row["group"]))[:8]


def _ages(by_age: Json) -> list[str]:
    words = (
        "Supply drop, current year, forecast at each origin from figures that stopped coming years before. The model "
        "of the longest lead, four years, answers; beyond it the answer stays as it is and the interval widens by "
        "what age cost in earlier years. Calibration's own interval widens by a fixed 0.35 log-odds a year. `skill` "
        "is the Brier skill over the pair's history as known at the origin, without any gap."
    )
    lines = ["## By age of the figures", "", words, ""]
    for span, rows in by_age.items():
        body = [[row["group"], *_coverage(row), plain(row["auc"]), plain(row["skill"])] for row in rows]
        lines += [f"{span[0].upper()}{span[1:]}:", "", table(["years back", *COVERAGE_HEAD, "AUC", "skill"], body)]
    return lines


def _risk(found: Json) -> list[str]:
    orders, gains = found["orders"], found["gains"]
    lines = [
        "## What abstaining would cost",
        "",
        "Supply drop, current year. Forecasts are withheld in the order named; what is kept is scored. Withheld at "
        "random,",
        "every score stays where it is and events are missed in proportion. Brier score and log loss fall whenever "
        "pairs",
        "near one half are withheld, whoever forecasts them: skill over the pair's history on the same rows is the "
        "fair",
        "measure. `missed` is the share of all events whose forecast was withheld.",
        "",
        f"![Skill of what is kept, by share kept]({CHART})",
        "",
    ]
    body = []
    for order in orders.values():
        for point in order["points"]:
            numbers = [plain(point[name], 4) for name in ("brier", "log_loss")]
            numbers += [plain(point[name]) for name in ("auc", "skill")]
            row = [percent(point["kept"]), f"{point['n']:,}", *numbers, percent(point["missed_frac"], 1)]
            if point["kept"] in (1.0, 0.99, 0.95, 0.9, 0.8, 0.5):
                body.append([order["words"], *row])
    lines.append(table(["withheld", "kept", "n", "Brier", "log loss", "AUC", "skill", "missed"], body))
    full = next(iter(orders.values()))["points"][0]
    body = [["at random", plain(full["brier"], 4), plain(full["skill"])]]
    body += [
        [order["words"], plain(order["area"]["brier"], 4), plain(order["area"]["skill"])] for order in orders.values()
    ]
    lines += [
        "Area under the curves, from half to all kept (mean score):",
        "",
        table(["withheld", "Brier", "skill"], body),
    ]
    lines += [
        "Skill on the nine tenths kept minus skill on all, with 95 % intervals (minerals and years as blocks):",
        "",
    ]
    spans = list(gains)
    lines.append(
        table(
            ["withheld", *spans],
            [[order["words"], *(cell(gains[span][name], 4) for span in spans)] for name, order in orders.items()],
        )
    )
    return [*lines, _verdict(orders, gains), ""]


def _verdict(orders: Json, gains: Json) -> str:
    first = next(iter(gains))
    better = [orders[name]["words"] for name, gain in gains[first].items() if (gain["low"] or 0.0) > 0]
    worse = [orders[name]["words"] for name, gain in gains[first].items() if (gain["high"] or 0.0) < 0]
    says = [f"On {first}, "]
    says.append(
        f"better than random: {'; '.join(better)}. " if better else "no order is better than withholding at random. "
    )
    says.append(f"Worse than random: {'; '.join(worse)}." if worse else "No order is clearly worse.")
    return "".join(says)


def _abstained(found: Json) -> list[str]:
    largest = "; ".join(f"{span} {percent(value)}" for span, value in found["largest_distance"].items())
    return [
        "## When no forecast is given",
        "",
        "So abstention is kept for what nothing speaks for. No forecast is given from figures more than "
        f"{found['max_stale_years']} years older than any learned from: beyond, next to nothing is left of the skill "
        f"over the pair's history (table by age). Nor for a pair with more than {percent(found['max_distance_frac'])} "
        "of its known features in the tails of the training rows: none was ever measured there (largest share: "
        f"{largest}); {found['withheld']:,} of {found['rows']:,} forecasts would have been withheld for it. Pairs "
        "whose last year is mostly imputed, or that lack a feature which training always knew, get no forecast "
        "either.",
        "",
    ]


def _alerts(found: Json) -> list[str]:
    lines = [
        "## What alerts stand on",
        "",
        "Major suppliers, both targets and horizons; an alert needs tier elevated or severe and the lower bound named.",
        "",
    ]
    for span, rows in found.items():
        body = [
            [
                row["words"],
                f"{row['alerts']:,}",
                f"{row['hits']:,}",
                percent(row["precision"], 1),
                percent(row["recall"], 1),
            ]
            for row in rows
        ]
        title = f"{span[0].upper()}{span[1:]}: {rows[0]['rows']:,} forecasts, {rows[0]['events']:,} events"
        lines += [title, "", table(["rule", "alerts", "hits", "precision", "events alerted"], body)]
    return lines


def risk_chart(orders: Json) -> str:
    """Draw the skill of what is kept over the share kept, one line per order, as SVG text."""
    full = next(iter(orders.values()))["points"][0]["skill"]
    rows = [
        {"kept": point["kept"], "skill": point["skill"], "order": order["words"], "place": number}
        for order in orders.values()
        for number, point in enumerate(order["points"])
    ]
    rows += [
        {"kept": point["kept"], "skill": full, "order": "at random", "place": number}
        for number, point in enumerate(next(iter(orders.values()))["points"])
    ]
    told = pd.DataFrame(rows)
    names = [*(order["words"] for order in orders.values()), "at random"]
    low, high = float(told["skill"].min()), float(told["skill"].max())
    lines = (
        alt.Chart(told)
        .mark_line(point={"size": 28, "filled": True}, strokeWidth=1.8)
        .encode(
            x=alt.X(
                "kept:Q",
                title="Share of forecasts kept",
                scale=alt.Scale(domain=[1.0, told["kept"].min()], nice=False),
                axis=alt.Axis(format=".0%"),
            ),
            y=alt.Y(
                "skill:Q",
                title="Brier skill over the pair's history",
                scale=alt.Scale(domain=[min(0.0, low), high * 1.05], nice=False),
            ),
            color=alt.Color(
                "order:N",
                title=None,
                scale=alt.Scale(domain=names, range=list(COLOURS)),
                legend=alt.Legend(orient="bottom", columns=1, labelLimit=400),
            ),
            order="place:Q",
        )
    )
    note = f"Least supported withheld first; intervals of {LEVEL:.0%}; higher is better"
    return to_svg(styled([lines], "Skill of the forecasts that are kept", note, width=460))
