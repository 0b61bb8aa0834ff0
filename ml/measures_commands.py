"""What the commands about export measures do: list and count what was known at a date."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from features import measure_counts
from features.catalog import Catalog, load_catalog
from features.errors import ConfigError
from features.knowledge_time import UTC
from features.measures import GROUPS, current, merged
from ml.asked import asked_mineral, asked_moment, asked_supplier
from ml.knowledge import open_store
from ml.screen import screen, visible
from ml.settings import load_settings

__all__ = ["count_measures", "known_measures", "list_measures", "print_counts", "print_measures"]

PER_MEASURE = {
    "sources": lambda cells: ";".join(dict.fromkeys(name for cell in cells for name in cell.split(";"))),
    "mineral": ";".join,
}
FIRST = ["supplier", "kind", "direction", "severity", "announced_at", "effective_at", "ended_at", "title"]
FIRST += ["confidence", "targeted_importers", "available_at", "evidence"]
# Names in the answer, and the columns they come from.
DAYS = {"announced_on": "announced_at", "in_force_from": "effective_at", "ended_on": "ended_at"}
DAYS |= {"known_from": "available_at"}
LISTS = {"minerals": "mineral", "sources": "sources", "targeted_importers": "targeted_importers"}


def known_measures(as_of: str | None, home: Path | None) -> tuple[pd.DataFrame, dt.datetime]:
    """Give all versions of merged measures known at `as_of` (now by default), and that moment.

    Raises:
        ConfigError: `as_of` is no date, or lies in the future.
    """
    now = dt.datetime.now(UTC)
    moment = asked_moment(as_of, now=now)
    store = open_store(load_settings(home), now=now)
    return merged(store.history("measures", as_of=moment)), moment


def _day(text: str, option: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ConfigError(f"{option} takes a day such as 2024-06-03, not {text!r}") from None


def list_measures(
    *,
    mineral: str | None,
    supplier: str | None,
    kind: str | None,
    in_force: bool,
    since: str | None,
    as_of: str | None,
    top: int,
    home: Path | None,
) -> dict[str, Any]:
    """Give the measures that pass the filters, newest first: `total`, `as_of` and at most `top` as `measures`.

    Raises:
        ConfigError: the mineral or supplier is none of the catalogue's, the kind or a day is none, or `as_of` lies in
            the future.
    """
    catalog = load_catalog()
    if kind is not None and kind not in GROUPS:
        raise ConfigError(f"no kind is called {kind!r}; there are {', '.join(GROUPS)}")
    mineral = None if mineral is None else asked_mineral(catalog, mineral)
    supplier = None if supplier is None else asked_supplier(catalog, supplier)
    start = None if since is None else pd.Timestamp(_day(since, "--since"), tz="UTC")
    found, moment = known_measures(as_of, home)
    first_known = found.drop_duplicates("event_id").set_index("event_id")["available_at"]
    rows = current(found)
    if in_force:
        rows = measure_counts.in_force_at(rows, moment)
    if mineral is not None:
        named = rows.loc[rows["mineral"].eq(mineral), "event_id"]
        rows = rows[rows["event_id"].isin(named)]
    if supplier is not None:
        rows = rows[rows["supplier"].eq(supplier)]
    if kind is not None:
        rows = rows[rows["kind"].eq(kind)]
    if rows.empty:
        return {"as_of": moment.date().isoformat(), "total": 0, "measures": []}
    columns = {name: (name, "first") for name in FIRST} | {name: (name, how) for name, how in PER_MEASURE.items()}
    listed = rows.groupby("event_id", sort=False).agg(**columns).reset_index()
    listed["available_at"] = listed["event_id"].map(first_known)
    if start is not None:
        listed = listed[listed["available_at"] >= start]
    listed = listed.sort_values(["available_at", "event_id"], ascending=[False, True])
    return {"as_of": moment.date().isoformat(), "total": len(listed), "measures": _records(listed.head(top))}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [_record(row) for row in rows.to_dict("records")]


def _record(row: dict[str, Any]) -> dict[str, Any]:
    days = {name: row.pop(column) for name, column in DAYS.items()}
    lists = {name: row.pop(column).split(";") for name, column in LISTS.items()}
    evidence = [link.strip() for link in row.pop("evidence").split(" ; ")]
    return {
        **row,
        **{name: None if pd.isna(day) else day.date().isoformat() for name, day in days.items()},
        **{name: [part for part in parts if part] for name, parts in (lists | {"evidence": evidence}).items()},
    }


def print_measures(found: dict[str, Any]) -> None:
    """Print a list of measures."""
    title = f"{found['total']} measures as known on {found['as_of']}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name, width in (("known from", 10), ("who", 3), ("kind", None), ("minerals", None)):
        table.add_column(name, min_width=width)
    for name in ("in force", "title", "sources"):
        table.add_column(name, overflow="fold")
    for row in found["measures"]:
        cells = [row["known_from"], row["supplier"], row["kind"], ", ".join(row["minerals"])]
        span = f"{row['in_force_from'] or '?'} to {row['ended_on'] or '…'}"
        cells += [span, row["title"], ", ".join(row["sources"])]
        table.add_row(*map(visible, cells))
    console = screen(150)
    console.print(table)
    if left := found["total"] - len(found["measures"]):
        console.print(f"{left} more; --top shows them, --json with days, importers and evidence")


def count_measures(*, by: str, as_of: str | None, out: Path | None, home: Path | None) -> dict[str, Any]:
    """Count measures in force `by` year, or now by something else, and new ones in the last weeks.

    Args:
        out: where the whole table goes as CSV; new ones per week go to the same name with `-new`.

    Raises:
        ConfigError: `by` is none of the units.
    """
    if by not in measure_counts.UNITS:
        raise ConfigError(f"--by takes {', '.join(measure_counts.UNITS)}, not {by!r}")
    found, moment = known_measures(as_of, home)
    newest = current(found)
    catalog = load_catalog()
    weeks = measure_counts.new_per_week(found, until=moment)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        measure_counts.per_year(newest, catalog, until=moment).to_csv(out, index=False)
        weeks.to_csv(out.with_name(f"{out.stem}-new{out.suffix}"), index=False)
    if by == "year":
        rows = [{"year": end.year, **_size(newest, catalog, end)} for end in measure_counts.year_ends(moment)]
    else:
        force = measure_counts.in_force_at(newest, moment)
        groups = force.groupby(by, sort=True)
        rows = [{by: name, **_size(part, catalog, moment)} for name, part in groups]
        rows = sorted(rows, key=lambda row: -row["acts"])
    recent = weeks.tail(52)
    return {
        "as_of": moment.date().isoformat(),
        "by": by,
        "counts": rows,
        "new_in_52_weeks": {name: int(recent[name].sum()) for name in ("tightening", "easing")},
        "files": [] if out is None else [str(out), str(out.with_name(f"{out.stem}-new{out.suffix}"))],
    }


def _size(measures: pd.DataFrame, catalog: Catalog, at: dt.datetime) -> dict[str, int]:
    acts, products = measure_counts.size_at(measures, catalog, at)
    return {"acts": acts, "lines": products}


def print_counts(found: dict[str, Any], *, top: int) -> None:
    """Print counts of measures."""
    by = found["by"]
    title = f"Measures in force {'at the end of each year' if by == 'year' else 'now'}, as known on {found['as_of']}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(by)
    table.add_column("acts", justify="right")
    table.add_column("product lines, at most", justify="right")
    shown = found["counts"][-top:] if by == "year" else found["counts"][:top]
    for row in shown:
        table.add_row(str(row[by]), f"{row['acts']:,}", f"{row['lines']:,}")
    console = screen(150)
    console.print(table)
    new = found["new_in_52_weeks"]
    console.print(f"New in the last 52 weeks: {new['tightening']} tightening, {new['easing']} easing")
    for path in found["files"]:
        console.print(f"Written: {path}")
