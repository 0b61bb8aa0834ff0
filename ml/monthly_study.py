"""What a supplier's own months tell: 13, 26 and 52 weeks ahead, and of the year that is under way.

Few pairs have public months, so nothing is learned here: a pair's own last months (persistence) are held against
what came. Every figure is as first published, and counts from its publication lag.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import load_catalog
from features.errors import BadInput
from features.knowledge_time import UTC, monday_on_or_before
from ml.knowledge import Knowledge, open_store, signals_named
from ml.results import write_page
from ml.scores import roc_auc, within_pair_concordance
from ml.settings import load_settings
from models.supply_windows import monthly_supply, state_at, window_labels
from models.targets import TARGETS

__all__ = ["MonthlyResult", "monthly_study", "window_rows", "year_rows"]

PAIR = ["mineral", "supplier"]
SERIES = [*PAIR, "basis"]
MONTHS_SHOWN = (3, 6, 9, 12)
MIN_OF_EACH_CLASS = 5


@dataclass(frozen=True)
class MonthlyResult:
    """Rows of the two tables, and both as Markdown."""

    windows: list[dict[str, Any]]
    years: list[dict[str, Any]]
    text: str


def monthly_study(out: Path, *, page: Path | None = None, home: Path | None = None) -> MonthlyResult:
    """Write monthly.json and monthly-supply.md below `out`, and the page to `page`, too.

    Raises:
        BadInput: no supplier's months are in the store.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    store = open_store(settings, now=now)
    tables = store.histories(["mirror_trade", "production_monthly"], as_of=now)
    supply = monthly_supply(tables["mirror_trade"], tables["production_monthly"], load_catalog())
    if supply.empty:
        raise BadInput(
            where=str(store.folder),
            expected="monthly exports declared by a supplier, or monthly production",
            found="none",
            remedy="Ingest monthly figures, such as: oresight ingest comtrade FILE",
        )
    supply = baskets_once(supply)
    labels = Knowledge(store, now, signals_named(["trade"])).labels
    windows, years = window_rows(supply), year_rows(supply, labels)
    text = _text(windows, years)
    out.mkdir(parents=True, exist_ok=True)
    (out / "monthly.json").write_text(json.dumps({"windows": windows, "years": years}, indent=1) + "\n")
    write_page(out / "monthly-supply.md", text, page)
    return MonthlyResult(windows, years, text)


def baskets_once(supply: pd.DataFrame) -> pd.DataFrame:
    """Count a product code that several minerals share once, under all their names.

    Several minerals with the same months from one supplier are one product seen several times.
    """
    # An unknown month equals an unknown month, which NaN does not.
    told = supply.assign(tonnes=supply["tonnes"].fillna(-1.0))
    series = told.groupby(SERIES)[["month", "tonnes"]].apply(lambda own: tuple(map(tuple, own.to_numpy())))
    shared = series.reset_index(name="series").groupby(["supplier", "basis", "series"])["mineral"]
    names = shared.transform(lambda minerals: ", ".join(minerals))
    name_of = pd.Series(names.to_numpy(), index=series.index)
    named = supply.assign(mineral=name_of.reindex(pd.MultiIndex.from_frame(supply[SERIES])).to_numpy())
    return named.drop_duplicates([*SERIES, "month"]).sort_values([*SERIES, "month"], ignore_index=True)


def forecast_dates(supply: pd.DataFrame) -> list[pd.Timestamp]:
    """Give the Monday on or before the 15th of each month that the figures span."""
    months = range(int(supply["month"].min()) + 36, int(supply["month"].max()) + 1)
    mid = [dt.datetime(month // 12, month % 12 + 1, 15, tzinfo=UTC) for month in months]
    return [pd.Timestamp(monday_on_or_before(moment)) for moment in mid]


def window_rows(supply: pd.DataFrame) -> list[dict[str, Any]]:
    """Score persistence over each window, per pair and for all together."""
    dates = forecast_dates(supply)
    labels = window_labels(supply, dates)
    states = pd.concat([state_at(supply, date).assign(as_of=date) for date in dates], ignore_index=True)
    states = states.astype({"as_of": "datetime64[us, UTC]"})
    joined = labels.merge(states, on=[*SERIES, "as_of"], how="left")
    rows = []
    groups = [(("all", "all", "all"), joined), *joined.groupby(SERIES)]
    for (mineral, supplier, basis), part in groups:
        for weeks, own in part.groupby("weeks"):
            for target in TARGETS.values():
                label = (own["ratio"] < target.ratio).astype("float64")
                told = own["state"].notna()
                onset = told & ~(own["state"] < target.ratio)
                rows.append(
                    {
                        "mineral": mineral,
                        "supplier": supplier,
                        "basis": basis,
                        "target": target.name,
                        "weeks": int(weeks),
                        "windows": len(own),
                        "events": int(label.sum()),
                        "onset_windows": int(onset.sum()),
                        "onset_events": int(label[onset].sum()),
                        "persistence_auc": _auc(label[told], -own.loc[told, "state"]),
                        "persistence_when": _when(own[told], label[told], -own.loc[told, "state"]),
                    }
                )
    return rows


def year_rows(supply: pd.DataFrame, labels: pd.DataFrame) -> list[dict[str, Any]]:
    """Give, per pair and year, the year to date over the same months of three years before, and the whole year."""
    final = labels.set_index([*PAIR, "year"])["ratio"]
    rows = []
    for (mineral, supplier, basis), own in supply.groupby(SERIES):
        tonnes = own.set_index("month")["tonnes"]
        for year in sorted({int(month) // 12 for month in tonnes.index}):
            ratios = {months: _to_date(tonnes, year, months) for months in MONTHS_SHOWN}
            if all(ratio is None for ratio in ratios.values()):
                continue
            baci = final.get((mineral, supplier, year))
            rows.append(
                {"mineral": mineral, "supplier": supplier, "basis": basis, "year": year}
                | {f"to_month_{months}": ratio for months, ratio in ratios.items()}
                | {"yearly_trade": None if baci is None else float(baci)}
            )
    return rows


def _to_date(tonnes: pd.Series, year: int, months: int) -> float | None:
    wanted = [[(year - back) * 12 + month for month in range(months)] for back in range(4)]
    if not all(set(part) <= set(tonnes.index) for part in wanted):
        return None
    normal = float(np.mean([tonnes[part].sum(skipna=False) for part in wanted[1:]]))
    return float(tonnes[wanted[0]].sum(skipna=False) / normal) if normal > 0 else None


def _auc(label: pd.Series, score: pd.Series) -> float | None:
    counts = label.value_counts()
    if len(counts) < 2 or counts.min() < MIN_OF_EACH_CLASS:
        return None
    return float(roc_auc(label.to_numpy(), score.to_numpy()))


def _when(rows: pd.DataFrame, label: pd.Series, score: pd.Series) -> float | None:
    if _auc(label, score) is None:
        return None
    pair = (rows["mineral"] + "|" + rows["supplier"]).to_numpy()
    return float(within_pair_concordance(label.to_numpy(), score.to_numpy(), pair))


def _text(windows: list[dict[str, Any]], years: list[dict[str, Any]]) -> str:
    lines = [
        "# A supplier's own months: measured",
        "",
        "Generated by `oresight monthly-supply --out DIR`; edit nothing here by hand. Windows begin on the Monday on",
        "or before the 15th of each month and overlap, so they are far fewer independent cases than their number says.",
        "Persistence ranks by the last six months known then; – stands for fewer than five of either outcome.",
        "",
        "| mineral | supplier | of | event | weeks | windows | events | onset windows | onset events | AUC | *when* |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in windows:
        cells = [
            row["mineral"],
            row["supplier"],
            row["basis"],
            row["target"],
            row["weeks"],
            row["windows"],
            row["events"],
        ]
        cells += [
            row["onset_windows"],
            row["onset_events"],
            _cell(row["persistence_auc"]),
            _cell(row["persistence_when"]),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "## The year under way",
        "",
        "Tonnes from January to the month, over the mean of the same months of the three years before; below 0.70 is a",
        "drop. The last column is the same ratio in yearly trade (BACI), which is known two years later.",
        "",
        "| mineral | supplier | months of | year | to March | to June | to September | to December | yearly trade |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in years:
        ratios = [row[f"to_month_{months}"] for months in MONTHS_SHOWN] + [row["yearly_trade"]]
        cells = [row["mineral"], row["supplier"], row["basis"], row["year"], *map(_cell, ratios)]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.2f}"
