"""Bring payloads into the store: parse, check, quarantine, append.

`ingest` takes files somebody already has (the air-gapped path); `ingest_bundle`
takes the embedded data. Nothing is appended unless the whole payload passes: more
than 0.1 % rejected rows refuse it. What is rejected below that goes to the
quarantine table with file, row, field, value and reason, and is counted.
"""

from __future__ import annotations

import datetime as dt
import importlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pandas as pd

from features.catalog import load_catalog
from features.errors import BadInput, ConfigError
from features.sources.spec import Harvest
from features.store import Store

__all__ = ["BUNDLE", "SOURCES", "Receipt", "ingest", "ingest_bundle", "source"]

SOURCES = ("baci", "wgi", "world_mining_data", "events")
BUNDLE = Path(__file__).parent / "bundle"
BUNDLE_FILES = {
    "baci": "baci.parquet",
    "wgi": "wgi.parquet",
    "world_mining_data": "world_mining_data.parquet",
    "events": "events.csv",
}
MAX_REJECTED_FRAC = 0.001


@dataclass(frozen=True)
class Receipt:
    """What one ingestion did: rows added per dataset, rows rejected, counts of what was left out."""

    source: str
    file: str
    added: dict[str, int]
    rejected: int
    counts: dict[str, int] = field(default_factory=dict)


def source(name: str) -> ModuleType:
    """Give the module of the source called `name`.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    if name not in SOURCES:
        raise ConfigError(f"no source is called {name!r}; there are {', '.join(SOURCES)}")
    return importlib.import_module(f"features.sources.{name}")


def ingest(store: Store, name: str, path: Path, *, now: dt.datetime, released: dt.datetime | None = None) -> Receipt:
    """Read one payload of source `name` into the store.

    Args:
        now: the moment of ingestion.
        released: when the publisher put this file out. Rows get the later of this and their usual
            knowledge time, so that a revision counts from its release.

    Raises:
        BadInput: the file is broken or more than 0.1 % of its rows were rejected; the store is unchanged.
    """
    module = source(name)
    harvest: Harvest = module.harmonise(
        module.parse(path), load_catalog(), file=path.name, lag=module.SPEC.lag, now=now
    )
    rows = sum(len(table) for table in harvest.tables.values())
    if len(harvest.rejected) > MAX_REJECTED_FRAC * (rows + len(harvest.rejected)):
        first = harvest.rejected.iloc[0]
        raise BadInput(
            where=f"{path}, row {first['row']}, field {first['field']}",
            expected="a valid value",
            found=f"{first['value']!r}: {first['reason']}",
            remedy=f"{len(harvest.rejected)} row(s) rejected, more than {MAX_REJECTED_FRAC:.1%}; nothing was stored.",
        )
    tables = {key: _not_before(table, released) for key, table in harvest.tables.items()}
    _check_not_in_future(tables, path, now)
    # Every table must pass before the first is stored.
    news = {key: store.news(key, table, where=str(path)) for key, table in tables.items()}
    added = {key: store.append(key, table, where=str(path)) for key, table in news.items()}
    _quarantine(store, name, harvest.rejected)
    _keep_payload(store, name, path)
    return Receipt(name, path.name, added, len(harvest.rejected), dict(harvest.counts))


def ingest_bundle(store: Store, *, now: dt.datetime) -> list[Receipt]:
    """Read the embedded data into the store; repeating it adds nothing."""
    return [ingest(store, name, BUNDLE / file, now=now) for name, file in BUNDLE_FILES.items()]


def _not_before(table: pd.DataFrame, released: dt.datetime | None) -> pd.DataFrame:
    if released is None:
        return table
    return table.assign(available_at=table["available_at"].clip(lower=pd.Timestamp(released)))


def _check_not_in_future(tables: dict[str, pd.DataFrame], path: Path, now: dt.datetime) -> None:
    for key, table in tables.items():
        late = table[table["available_at"] > pd.Timestamp(now)]
        if len(late):
            raise BadInput(
                where=f"{path}, dataset {key}",
                expected=f"facts that can be known by {now.date()}",
                found=f"{len(late)} row(s) that can be known only from {late['available_at'].min().date()}",
                remedy="Correct the dates, or ingest the file after that day.",
            )


def _quarantine(store: Store, name: str, rejected: pd.DataFrame) -> None:
    if rejected.empty:
        return
    folder = store.folder / "quarantine"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    table = rejected.assign(source=name).astype("str").fillna("")
    if path.exists():
        before = pd.read_csv(path, dtype="str", keep_default_na=False)
        table = pd.concat([before, table]).drop_duplicates()
    aside = path.with_suffix(".part")
    table.to_csv(aside, index=False)
    aside.replace(path)


def _keep_payload(store: Store, name: str, path: Path) -> None:
    if path.parent == BUNDLE:
        return
    folder = store.folder.parent / "payloads" / name
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / path.name
    if path.resolve() != kept.resolve():
        shutil.copyfile(path, kept)
