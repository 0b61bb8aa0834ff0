"""What became of each forecast: pending, void, or scored as hit, miss, false alarm or all-clear.

A forecast is *issued*; it is *matured* once the figures that settle its window can be out by the publisher's
calendar (1 February of the second year after the window), never earlier, even when the event is plain to see;
*resolved* once those figures are in the store; then *scored*, or *void* with a reason. Until resolved it is
*pending*: not due yet, or due and its figures not in the store.

A forecast is a probability; right or wrong is what follows from its **alert**:

- `hit`: alert, and the event came.
- `miss`: no alert, and the event came.
- `false_alarm`: alert, and no event.
- `all_clear`: no alert, and no event.

Outcomes are taken twice: on the first release of the window's figures, which counts, and on the latest figures,
beside it. Nothing resolved after `as_of` is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.exports import ExportTable, known_exports
from features.signals.trade import drop_ratio
from ml.knowledge import Knowledge
from ml.ledger.entries import KINDS, settled_from
from models.targets import MAX_IMPUTED_FRAC, TARGETS

__all__ = ["OUTCOMES", "count_outcomes", "latest_labels", "once_each", "resolve"]

OUTCOMES = ("hit", "miss", "false_alarm", "all_clear")
NO_FORECAST = "no probability was given (abstained)"
IMPUTED = "more than half of the year's value has an imputed quantity"
NO_REFERENCE = "the mineral has no figures in that year or in one of the three before"
NOT_DUE = "not due yet"
NO_RULE = "no rule of this version resolves such an event"
NO_FIGURES = "due, but the figures are not in the store"
FORECAST = ["kind", "as_of", "target", "horizon", "mineral", "supplier"]


def once_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Give each forecast once: of issued ones the first that was issued for a week, of replayed ones the last made.

    A week that is run again, with other data or another model, is another run; what counts is what was said first.
    """
    is_replayed = rows["kind"].eq("hindcast")
    first = rows[~is_replayed].drop_duplicates(FORECAST, keep="first")
    last = rows[is_replayed].drop_duplicates(FORECAST, keep="last")
    return pd.concat([first, last], ignore_index=True)


def latest_labels(exports: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Resolve every pair and year on the latest figures known at `moment`.

    Args:
        exports: what `features.exports.yearly_exports` gave.

    Returns:
        mineral, supplier, year, ratio, imputed_value_frac; as `models.targets.label_table`, of the newest figures.
    """
    columns = ["mineral", "supplier", "year", "ratio", "imputed_value_frac"]
    known = known_exports(exports, moment)
    if known.empty:
        return pd.DataFrame(columns=columns)
    table = ExportTable.of(known)
    pairs, years = table["tonnes"].shape
    rows = table.pairs.repeat(years).to_frame(index=False)
    rows = rows.assign(
        year=np.tile(table.years, pairs).astype("int64"),
        ratio=drop_ratio(table["tonnes"]).ravel(),
        imputed_value_frac=table["imputed_value_frac"].ravel(),
    )
    return rows.dropna(subset=["ratio"])[columns].reset_index(drop=True)


def resolve(rows: pd.DataFrame, knowledge: Knowledge) -> pd.DataFrame:
    """Add to ledger rows what had become of them at `knowledge.as_of`.

    Args:
        rows: kind, as_of, issued_at, target, window_end, mineral, supplier, alert, abstained.

    Returns:
        The rows issued by then, in their order, with is_matured, is_resolved, label and label_latest (1.0, 0.0 or
        missing), state (pending, void or scored), why (of void and pending), outcome and outcome_latest (of scored).
    """
    moment = pd.Timestamp(knowledge.as_of)
    # A replay stands for its week; what was issued was not there before its own hour.
    was_said = rows["kind"].eq("hindcast") | (rows["issued_at"] <= moment)
    rows = rows[was_said & (rows["as_of"] <= moment)].reset_index(drop=True)
    year = rows["window_end"].dt.year.astype("int64")
    exports = knowledge.exports[knowledge.exports["available_at"] <= moment]
    out_at = exports.groupby("year")["available_at"].min()
    has_rule = rows["target"].isin(list(TARGETS))
    is_matured = has_rule & (settled_from(rows["window_end"]) <= moment)
    is_resolved = is_matured & year.isin(out_at.index)
    first = _labelled(rows, year, knowledge.labels, moment)
    latest = _labelled(rows, year, latest_labels(exports, moment), moment)
    void = _void_reason(rows, first, is_resolved)
    is_scored = is_resolved & void.isna()
    waits = pd.Series(np.where(is_matured, NO_FIGURES, NOT_DUE), index=rows.index, dtype="str")
    waits = waits.where(has_rule, NO_RULE)
    label = first["label"].where(is_scored)
    is_scored_latest = is_resolved & _void_reason(rows, latest, is_resolved).isna()
    label_latest = latest["label"].where(is_scored_latest)
    return rows.assign(
        is_matured=is_matured,
        is_resolved=is_resolved,
        resolved_at=first["resolved_at"].where(is_resolved),
        label=label,
        label_latest=label_latest,
        state=np.where(is_scored, "scored", np.where(is_resolved, "void", "pending")),
        why=void.where(is_resolved, waits),
        outcome=_outcome(rows["alert"], label),
        outcome_latest=_outcome(rows["alert"], label_latest),
    )


def _labelled(rows: pd.DataFrame, year: pd.Series, labels: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    if "resolved_at" in labels.columns:
        labels = labels[labels["resolved_at"] <= moment]
    else:
        labels = labels.assign(resolved_at=pd.Series(pd.NaT, index=labels.index, dtype="datetime64[us, UTC]"))
    key = ["mineral", "supplier", "year"]
    keyed = rows[["mineral", "supplier"]].assign(year=year)
    found = keyed.merge(labels, on=key, how="left", validate="many_to_one").set_axis(rows.index)
    limit = rows["target"].map({name: target.ratio for name, target in TARGETS.items()})
    label = (found["ratio"] < limit).astype("float64").where(found["ratio"].notna())
    return found.assign(label=label)


def _void_reason(rows: pd.DataFrame, labelled: pd.DataFrame, is_resolved: pd.Series) -> pd.Series:
    reason = pd.Series(None, index=rows.index, dtype="str")
    reason = reason.mask(labelled["label"].isna(), NO_REFERENCE)
    reason = reason.mask(labelled["imputed_value_frac"] > MAX_IMPUTED_FRAC, IMPUTED)
    reason = reason.mask(rows["abstained"], NO_FORECAST)
    return reason.where(is_resolved)


def _outcome(alert: pd.Series, label: pd.Series) -> pd.Series:
    said = np.where(alert, np.where(label.eq(1), "hit", "false_alarm"), np.where(label.eq(1), "miss", "all_clear"))
    return pd.Series(said, index=label.index, dtype="str").where(label.notna())


def count_outcomes(resolved: pd.DataFrame) -> list[dict[str, Any]]:
    """Count what `resolve` gave, per kind, target and horizon; kinds are never added up."""
    found = []
    for kind in [kind for kind in KINDS if resolved["kind"].eq(kind).any()]:
        of_kind = resolved[resolved["kind"].eq(kind)]
        for (target, horizon), part in of_kind.groupby(["target", "horizon"], sort=True):
            scored = part[part["state"].eq("scored")]
            due = settled_from(part.loc[part["why"].eq(NOT_DUE), "window_end"])
            windows = scored[["mineral", "supplier"]].assign(year=scored["window_end"].dt.year)
            found.append(
                {
                    "kind": kind,
                    "target": target,
                    "horizon": horizon,
                    "issued": len(part),
                    "weeks": int(part["as_of"].nunique()),
                    "matured": int(part["is_matured"].sum()),
                    "resolved": int(part["is_resolved"].sum()),
                    "scored": len(scored),
                    "windows_scored": len(windows.drop_duplicates()),
                    "void": int(part["state"].eq("void").sum()),
                    "void_by_reason": _by_reason(part[part["state"].eq("void")]),
                    "pending": int(part["state"].eq("pending").sum()),
                    "next_due": due.min().date().isoformat() if len(due) else None,
                    "pending_by_reason": _by_reason(part[part["state"].eq("pending")]),
                    "first_release": _counts(part["outcome"]),
                    "latest_figures": _counts(part["outcome_latest"]),
                    "changed_since_first_release": int(
                        (part["outcome"].fillna("") != part["outcome_latest"].fillna("")).sum()
                    ),
                }
            )
    return found


def _counts(outcome: pd.Series) -> dict[str, int]:
    return {name: int(outcome.eq(name).sum()) for name in OUTCOMES}


def _by_reason(rows: pd.DataFrame) -> dict[str, int]:
    return {str(reason): int(n) for reason, n in rows["why"].value_counts().items()}
