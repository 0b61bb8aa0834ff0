"""What a message is made of: one run's rows as rows of the state machine, and each change as plain facts.

Facts are kept with the event, so that a message sent again tomorrow, to others or in another language, says the
same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from features.catalog import Catalog
from ml.alerts.importers import Shares
from ml.alerts.rules import Rule, Rules
from ml.alerts.skill import alert_record
from ml.alerts.states import Change, Key, Row, Warning
from models.targets import HORIZONS

__all__ = ["digest_facts", "facts_of", "notice_facts", "read_rows", "window_of"]

Json = dict[str, Any]
# What a digest says of each warning.
SHORT = [
    *("warning_id", "kind", "why", "target", "window", "tier", "probability", "p_low", "p_high", "base_rate"),
    *("data_as_of", "mineral", "mineral_en", "mineral_zh", "supplier", "supplier_en", "supplier_zh"),
]
DRIVERS = ("driver_1", "driver_2", "driver_3")


def window_of(horizon: str, window_end: dt.datetime) -> str:
    """Name the window of an event: the year for yearly ones, so that next year's warning goes on in January."""
    return str(window_end.year) if horizon in HORIZONS else horizon


def read_rows(forecasts: pd.DataFrame) -> dict[Key, tuple[Row, Json]]:
    """Give each row of a run's forecast table, with the columns of `ml.contract`, and the rest of what it says."""
    found = {}
    names = [str(name) for name in forecasts.columns]
    for values in zip(*(_plain(forecasts[name]) for name in names), strict=True):
        cells = dict(zip(names, values, strict=True))
        is_abstained = bool(cells["abstained"]) or cells["probability"] is None
        row = Row(
            target=cells["target"],
            horizon=cells["horizon"],
            window=window_of(cells["horizon"], cells["window_end"]),
            window_end=cells["window_end"],
            mineral=cells["mineral"],
            stage=cells["stage"],
            supplier=cells["supplier"],
            probability=0.0 if is_abstained else cells["probability"],
            p_low=0.0 if is_abstained else cells["p_low"],
            p_high=1.0 if is_abstained else cells["p_high"],
            base_rate=cells["base_rate"],
            tier="low" if is_abstained else cells["tier"],
            is_alert=bool(cells["alert"]),
            change=cells["change"],
            is_unsure=is_abstained or bool(cells["stale"]),
        )
        more = {
            "drivers": [cells[name] for name in DRIVERS if cells[name]],
            "data_as_of": None if cells["data_as_of"] is None else cells["data_as_of"].date().isoformat(),
            "window_start": cells["window_start"].date().isoformat(),
            "model": f"{cells['model_name']} {cells['model_version']}",
        }
        found[row.key] = (row, more)
    return found


def _plain(column: pd.Series) -> list[Any]:
    # Values of Python itself, None for missing ones; column by column, as a storm has many rows.
    is_known = column.notna()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        moments = column.dt.to_pydatetime()
        return [moment if known else None for moment, known in zip(moments, is_known, strict=True)]
    return column.astype(object).where(is_known, None).tolist()


def facts_of(
    change: Change,
    before: Warning | None,
    more: Mapping[str, Any],
    *,
    rules: Rules,
    catalog: Catalog,
    shares: Shares,
    record: Mapping[str, Any] | None,
    as_of: dt.datetime,
    run_id: str,
) -> Json:
    """Give everything that a message about a change says.

    Args:
        before: the warning before the change.
        more: the rest of the row, of `read_rows`; empty where the run has no row.
        shares: what the importers of groups and rules buy.
    """
    warning, row = change.warning, change.warning.row
    # The run has nothing to do with these: what is told is the last that was told, under its own date.
    told_last = before if change.why in ("window_over", "rule_removed") else None
    figures_as_of = told_last.changed_as_of if told_last else as_of
    rule = next((rule for rule in rules.rules if rule.id == warning.rule), None)
    return {
        "warning_id": warning.warning_id,
        "number": warning.number,
        "kind": change.kind,
        "why": change.why,
        "target": row.target,
        "horizon": row.horizon,
        "window": row.window,
        "window_end": row.window_end.date().isoformat(),
        **names_of(catalog, row.mineral, row.supplier),
        "stage": row.stage,
        "probability": row.probability,
        "p_low": row.p_low,
        "p_high": row.p_high,
        "base_rate": row.base_rate,
        "tier": row.tier,
        "change": None if told_last else row.change,
        "tier_before": before.row.tier if before else None,
        "probability_before": before.row.probability if before else None,
        "drivers": [],
        "data_as_of": None,
        **({"model": None} if told_last else more),
        "figures_as_of": figures_as_of.date().isoformat(),
        "raised_as_of": warning.raised_as_of.date().isoformat(),
        "as_of": as_of.date().isoformat(),
        "run_id": run_id,
        "rule": warning.rule,
        "raise_at": rule.raise_at if rule else None,
        "clear_at": rule.clear_at if rule else None,
        "importers": _importers(rules, rule, catalog, shares, row),
        "record": alert_record(record, row.target, row.horizon),
        # Filled by what computes them; a sentence that has no number is left out.
        "alternatives": None,
        "stock_days": None,
    }


def names_of(catalog: Catalog, mineral: str, supplier: str) -> Json:
    """Give ids and names of a pair; what the catalogue does not know keeps its id."""
    known, country = catalog.minerals.get(mineral), catalog.countries.get(supplier)
    return {
        "mineral": mineral,
        "mineral_en": known.name_en if known else mineral,
        "mineral_zh": known.name_zh_tw if known else mineral,
        "supplier": supplier,
        "supplier_en": country.name_en if country else supplier,
        "supplier_zh": country.name_zh_tw if country else supplier,
    }


def _importers(rules: Rules, rule: Rule | None, catalog: Catalog, shares: Shares, row: Row) -> list[Json]:
    asked = dict.fromkeys([group.importer for group in rules.groups if group.importer])
    asked |= dict.fromkeys(rule.importers if rule else ())
    found = []
    for importer in asked:
        share, country = shares.of(importer, row.mineral, row.supplier), catalog.countries[importer]
        found.append(
            {
                "importer": importer,
                "en": country.name_en,
                "zh": country.name_zh_tw,
                "frac": None if share is None else share.frac,
                "tonnes": None if share is None else share.tonnes,
                "year": None if share is None else share.year,
                "known_at": None if share is None else share.known_at.date().isoformat(),
            }
        )
    return found


def digest_facts(facts: Iterable[Json], lines: int, *, as_of: dt.datetime, run_id: str, singles: int) -> Json:
    """Give what a digest says: how many changes of which kind and tier, and the first `lines` of them in short."""
    every = list(facts)
    return {
        "kind": "digest",
        "count": len(every),
        "singles": singles,
        "by_kind": {kind: n for kind in ("raised", "updated", "cleared") if (n := _count(every, "kind", kind))},
        "by_tier": {tier: n for tier in ("severe", "elevated", "guarded", "low") if (n := _count(every, "tier", tier))},
        "lines": [{name: each[name] for name in SHORT} for each in every[:lines]],
        "more": max(0, len(every) - lines),
        "as_of": as_of.date().isoformat(),
        "run_id": run_id,
    }


def _count(facts: list[Json], name: str, value: str) -> int:
    return sum(each[name] == value for each in facts)


def notice_facts(reason: str, held: int, *, as_of: dt.datetime, run_id: str, since: str | None) -> Json:
    """Give what a notice says when a run can't be trusted: why, how many warnings stand, and as of when."""
    return {
        "kind": "held",
        "reason": reason,
        "count": held,
        "since": since,
        "as_of": as_of.date().isoformat(),
        "run_id": run_id,
    }
