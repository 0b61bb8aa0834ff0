"""The page of label noise: flips by figure, and what they leave for any forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml.label_noise import LEAST_COVERAGE
from ml.page_tables import cell, made_by, percent, plain, table
from models.targets import TARGETS

__all__ = ["render"]

Row = Mapping[str, Any]
MEASURED = (0.70, 0.75, 0.80, 0.85)
WHAT = (
    "An outcome is settled by yearly tonnes of BACI, which reconciles what buyers and suppliers declare and fills in "
    "missing quantities. Here the same event is settled by other figures of the same pair and years. *Lost*: of the "
    "label's events, the share that are none by the other figure. *Gained*: of its non-events, the share that are "
    "events by it. Intervals of 95 % from {draws} draws of pairs and years as blocks. Neither figure is the truth, so "
    "the shares are those of two counts that differ, not of one that is wrong.\n"
)
PRICES = (
    "A quantity that is wrong by a power of ten makes a drop of the years after it. *Prices so many times off*: where "
    "a pair's value per tonne, against the median of the mineral's suppliers that year, is that many times what it is "
    "in the three years on either side, tonnes are taken to be the value at its usual price. Part of such prices are "
    "true: a new product under the same code, a sale of a stock.\n"
)
COVERED = (
    f"Declarations are compared where their flows are at least {100 * LEAST_COVERAGE:.0f} % of the pair's tonnes in "
    "BACI, or a tenth where the line says so, for pairs of at least 1 % of world exports. "
    "**They cover little**: UN Comtrade's are those of nickel ores and China's of rare earths, those of the United "
    "States are headings whose products are all in the extract. A figure of one country's imports is more in motion "
    "than a whole pair's.\n"
)
CEILING = (
    "The differences of the log of exports over normal between declarations and BACI, the same flows, are drawn onto "
    "the outcomes of the scored rows ({origins}, onset rows of the current year), and the outcome is settled again. "
    "Then a forecast that **knows the true outcome exactly** is scored against these labels: the highest AUC, average "
    "precision and *when* that any forecast can reach. *Twin* scores one label as the forecast of the other. Two "
    "counts differ by the errors of both; *half its variance* is what is left for one if both err alike and "
    "independently. BACI draws on the same declarations, so that its errors and theirs go together: the "
    "difference may be too small as well.\n"
)
SLIPS = (
    "An outcome that is another one once tonnes at odd prices are put right is often a slip of quantity: nothing was "
    "supplied less. Here are forecasts of the champion's booster (uncalibrated, {origins}, onset rows of the current "
    "year) on all rows, by label and by the outcome at usual prices, on the rows whose outcome stays, and on those "
    "where it turns round. Rows that are left out by their outcome take a little of any skill with them; to settle "
    "them anew is the harsher count, as model and pair history learned the labels as they are. The last two columns "
    "are what the same booster gains when it is told how odd the latest prices are (`oresight experiment "
    "odd-prices-told`): **where that gain lies in the rows that turn round, it foresees slips of the label and no "
    "disruption**, and is no reason to keep the idea.\n"
)
FACTOR = (
    "For noise that depends on the class alone, a measured AUC lies at 0.5 plus a factor times the distance of the "
    "error-free one from 0.5 (Menon et al. 2015); the factor is 1 - lost - gained. Errors are more likely near the "
    "limit, where forecasts are unsure too, so that this is the most that noise can explain.\n"
)


def render(result: Mapping[str, Any]) -> str:
    """Give the page in Markdown from what `study` gave."""
    parts = ["# Label noise\n", WHAT.format(**result), PRICES, COVERED]
    for target in TARGETS:
        parts += [f"## `{target}`: flips\n", _flips([row for row in result["flips"] if row["target"] == target])]
    vintages = (
        f"{result['revised']:,} of {result['figures']:,} yearly figures of trade are known in more than one version"
        if result["revised"]
        else f"None of the {result['figures']:,} yearly figures of trade is known in more than one version: the "
        "embedded extract is one vintage of BACI. First release against latest cannot be measured with it"
    )
    parts += ["## Revisions\n", vintages + ".\n", "## Size of the differences\n", _differences(result["differences"])]
    parts += ["## The ceiling\n", CEILING.format(**result), _ceilings(result["ceilings"])]
    parts += ["## Skill without slips of quantity\n", SLIPS.format(**result), _slips(result["slips"])]
    parts += ["## What a measured AUC would be without errors\n", FACTOR, _error_free(result["ceilings"])]
    parts.append(made_by("label-noise", result))
    return "\n".join(parts)


def _flips(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        if not row["n"]:
            lines.append([row["check"], row["what"], "0", *["–"] * 6])
            continue
        counts = [f"{row[name]:,}" for name in ("n", "pairs", "events", "other_events")]
        lines.append([row["check"], row["what"], *counts, *(cell(row[name]) for name in ("lost", "gained", "flipped"))])
    head = ["other figure", "compared", "n", "pairs", "events", "events by it", "lost", "gained", "all flips"]
    return table(head, lines)


def _differences(rows: Sequence[Row]) -> str:
    if not rows:
        return "The store has no declarations to compare with.\n"
    lines = [
        [row["check"], f"{row['n']:,}", *(percent(row[name], 1) for name in ("median", "p75", "p90", "p95"))]
        for row in rows
    ]
    about = "Absolute difference of the logarithms, the same flows at half of the pair or more.\n\n"
    return about + table(["declarations", "n", "median", "75 %", "90 %", "95 %"], lines)


def _ceilings(rows: Sequence[Row]) -> str:
    names = ("lost", "gained", "twin_auc", "auc", "average_precision", "when")
    lines = [
        [f"`{row['target']}`", row["error"], row["share"], f"{row['n']:,}", *(plain(row[name]) for name in names)]
        for row in rows
    ]
    head = ["target", "error as in", "of it", "n", "lost", "gained", "AUC of the twin", "highest AUC", "highest AP"]
    return table([*head, "highest *when*"], lines)


def _slips(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        about = [f"`{row['target']}`", f"{row['factor']} times", row["rows"], f"{row['n']:,}", f"{row['events']:,}"]
        names = ("roc_auc", "average_precision", "brier_skill")
        gains = ("told_average_precision_gain", "told_brier_skill_gain")
        known = "brier_skill" in row
        figures = [cell(row[name]) for name in names] + [cell(row[name], sign="+") for name in gains] if known else []
        lines.append([*about, *(figures or ["–"] * 5)])
    head = ["target", "odd from", "rows", "n", "events", "AUC", "AP", "Brier skill", "AP gained", "Brier skill gained"]
    return table(head, lines, words=3)


def _error_free(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        factor = row["attenuation"]
        free = ["above 1" if 0.5 + (auc - 0.5) / factor > 1 else plain(0.5 + (auc - 0.5) / factor) for auc in MEASURED]
        lines.append([f"`{row['target']}`", row["error"], row["share"], plain(factor), *free])
    return table(["target", "error as in", "of it", "factor", *(f"measured {auc:.2f}" for auc in MEASURED)], lines)
