"""The page on production drops, as Markdown: how they go with supply drops, and how well they are forecast."""

from __future__ import annotations

__all__ = ["render_production_report"]

from typing import Any

from features.catalog import load_catalog

MODELS = (
    ("lightgbm", "LightGBM, calibrated"),
    ("lightgbm_without_production", "the same without the family `production`"),
    ("pair_history", "pair history"),
    ("climatology", "climatology"),
    ("persistence", "persistence"),
    ("logistic_regression", "logistic regression"),
)
SLICES = ("all", "onset", "continuation")
METRICS = ("roc_auc", "when", "brier_skill_vs_pair_history")
FEW = 10
Json = dict[str, Any]


def render_production_report(result: Json) -> str:
    """Give the page from what `ml.production_study.study` computed."""
    about = result["about"]
    lines = [
        "# Production drops",
        "",
        f"Written by `{about['command']}`; figures: {about['production']}; data {about['data_digest']}; "
        f"code {about.get('git_commit', 'unknown')}.",
        "",
        "`production_drop`: a supplier's output of a mineral is below 70 % of the mean of the three years before,",
        "in the record of the British Geological Survey. `supply_drop`: its exports are, in BACI. Rows are pairs",
        "tracked by their exports each July with an outcome in both records. A year without a figure is unknown. Both",
        "records are one vintage: first releases are what they say today. A break in the survey's own series is not",
        "told apart from a fall. Nothing was chosen on the years that are scored.",
        "",
        "## Are they the same events?",
        "",
        *_summary(result["agreement"]["all"]),
        "",
        *_follows_table(result["agreement"]["all"]),
        "",
        "## By mineral",
        "",
        *_mineral_table(result["agreement"]),
        "",
        "## How well are production drops forecast?",
        "",
        f"Origins {result['scores']['as_of_first']} to {result['scores']['as_of_last']}, one a year; intervals are",
        "95 % by a block bootstrap over minerals and years. *When* is within-pair concordance: at 0.5 a pair's bad",
        "years are told from its good ones no better than by a coin. Pair history must fall below 0.5 there: after a",
        "drop it expects another.",
        "",
        *_score_table(result["scores"]),
        "",
        "What the family `production` adds on the same onset rows and draws:",
        "",
        *_gain_table(result["gain_of_production"]),
        "",
    ]
    return "\n".join(lines)


def _summary(all_rows: Json) -> list[str]:
    cells, rates, kappa = all_rows["confusion"], all_rows["base_rate"], all_rows["kappa"]
    return [
        f"{all_rows['n']:,} pair-years of {all_rows['pairs']} pairs. Production drops in "
        f"{_percent(rates['production'])} of them, supply drops in {_percent(rates['supply'])}. "
        f"Cohen's kappa {_with_interval(kappa, 2)}.",
        "",
        "| | supply drop | no supply drop |",
        "| --- | ---: | ---: |",
        f"| **production drop** | {cells['both']:,} | {cells['only_production']:,} |",
        f"| **no production drop** | {cells['only_supply']:,} | {cells['neither']:,} |",
    ]


def _follows_table(all_rows: Json) -> list[str]:
    lines = [
        "| of these drops | how many | the other in the same year | in the next | in the year before | same or next |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for event, parts in all_rows["follows"].items():
        for name, part in parts.items():
            shares = (part["same_year"], part["next_year"], part["year_before"], part["same_or_next_year"])
            lines.append(f"| {event}, {name} | {part['drops']:,} | " + " | ".join(map(_percent, shares)) + " |")
    return lines


def _mineral_table(agreement: Json) -> list[str]:
    lines = [
        "| mineral | pair-years | production drops | supply drops | both | kappa | production drops with a supply "
        "drop the same year | same or next | supply drops with a production drop the same year | same or next |",
        "| --- |" + " ---: |" * 9,
    ]
    minerals = load_catalog().minerals
    for name, rows in agreement.items():
        if name == "all":
            continue
        cells, follows = rows["confusion"], rows["follows"]
        production, supply = (follows[event]["all"] for event in ("production", "supply"))
        shares = [
            _percent(part[key]) if part["drops"] >= FEW else "–"
            for part in (production, supply)
            for key in ("same_year", "same_or_next_year")
        ]
        counts = [f"{rows['n']:,}", str(production["drops"]), str(supply["drops"]), str(cells["both"])]
        kappa = _with_interval(rows["kappa"], 2)
        lines.append("| " + " | ".join([minerals[name].name_en, *counts, kappa, *shares]) + " |")
    return [*lines, "", f"Shares of fewer than {FEW} drops are not shown."]


def _score_table(scores: Json) -> list[str]:
    lines = [
        "| horizon | rows | n | drops | model | AUC | *when* | Brier skill against pair history |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for horizon, of in scores["targets"]["production_drop"].items():
        for name in SLICES:
            part = of["slices"][name]
            for model, title in MODELS:
                numbers = [_with_interval(part["models"][model][metric], 3) for metric in METRICS]
                if model == "pair_history":
                    numbers[-1] = "reference"
                head = [horizon.replace("_", " "), name, f"{part['n']:,}", f"{part['events']:,}", title]
                lines.append("| " + " | ".join([*head, *numbers]) + " |")
    return lines


def _gain_table(gains: Json) -> list[str]:
    lines = ["| horizon | AUC | *when* |", "| --- | ---: | ---: |"]
    for horizon, gain in gains.items():
        cells = [_with_interval(gain[metric], 3) for metric in ("roc_auc", "when")]
        lines.append("| " + " | ".join([horizon.replace("_", " "), *cells]) + " |")
    return lines


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _with_interval(found: dict[str, float | None], digits: int) -> str:
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return "–"
    interval = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{interval}".replace("-", "−")
