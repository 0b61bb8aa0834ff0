"""Bring files into the store: read, date, check against what is stored, append all or nothing.

`ingest` takes one file that somebody already has, `ingest_files` the files of one source
together; `ingest_bundle` takes the embedded data. Files that came out at one moment are one
release and are stored at one stroke (`features/collection/vintages.py` has the rules). A file that is
refused goes to the quarantine with the reason; the last good data stay. Single rows that are
rejected, up to 0.1 %, go to the quarantine table with file, row, field, value and reason, and
are counted.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from features.collection.intake import Incoming, Loaded, load
from features.collection.payloads import Release
from features.collection.releases import Receipt, put_aside, take_release
from features.collection.streams import take_stream
from features.collection.vintages import read_vintages
from features.errors import BadInput, ConfigError
from features.store import Store

__all__ = ["BUNDLE", "SOURCES", "Receipt", "ingest", "ingest_bundle", "ingest_files", "source"]

SOURCES = (
    "baci",
    "wgi",
    "world_mining_data",
    "events",
    "pink_sheet",
    "imf_pcps",
    "komis",
    "usgs_mcs",
    "bgs",
    "copper_monthly",
    "comtrade",
    "usitc_dataweb",
    "us_census",
    "taiwan_customs",
    "comexstat",
    "comext",
    "uk_hmrc",
    "korea_customs",
    "estat_japan",
    "india_meidb",
    "news",
    "iea_policies",
    "global_trade_alert",
    "oecd_restrictions",
    "reviews",
    "gpr",
    "gpr_daily",
    "fsi",
    "inform",
    "usgs_earthquakes",
    "noaa_hazel",
    "gdacs",
    "portwatch",
    "sanction_programmes",
    "ofac_sdn",
    "eu_sanctions",
    "canada_sema",
    "un_sanctions",
    "powell_thyne",
    "cline_coups",
    "colpus",
    "reign_elections",
    "reign_leaders",
    "ucdp_prio",
    "ucdp_ged",
    "gdelt",
    "gdelt_timeline",
)
BUNDLE = Path(__file__).parents[1] / "bundle"
BUNDLE_FILES = {
    "baci": "baci.parquet",
    "wgi": "wgi.parquet",
    "world_mining_data": "world_mining_data.parquet",
    "events": "events.csv",
    "sanction_programmes": "sanction_programmes.csv",
}


def source(name: str) -> ModuleType:
    """Give the module of the source called `name`.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    if name not in SOURCES:
        raise ConfigError(f"no source is called {name!r}; there are {', '.join(SOURCES)}")
    return importlib.import_module(f"features.sources.{name}")


def ingest(
    store: Store,
    name: str,
    path: Path,
    *,
    now: dt.datetime,
    released: dt.datetime | None = None,
    accept_jumps: bool = False,
) -> Receipt:
    """Read one file of source `name` into the store; see `ingest_files`.

    Args:
        now: the moment of ingestion.
        released: when the publisher put this file out; wins over what the file says itself.
    """
    file = Incoming(path, given=released)
    return ingest_files(store, name, [file], now=now, accept_jumps=accept_jumps)[0]


def ingest_files(
    store: Store,
    name: str,
    files: Sequence[Incoming],
    *,
    now: dt.datetime,
    accept_jumps: bool = False,
    refused: Callable[[Sequence[Path], BadInput], None] | None = None,
) -> list[Receipt]:
    """Read files of source `name`: those of one release together, oldest release first.

    Args:
        accept_jumps: take figures although a series jumped a thousandfold or a list shrank.
        refused: is told which files were refused and why, and the others are read; without it the first refusal
            is raised.

    Returns:
        One receipt per file, by release and then in the order given; those of a stream by name.

    Raises:
        BadInput: a file is broken or not what its source published before; that release is not stored, and the
            file is in the quarantine.
        OutOfOrder: a newer release with the same facts was read before; the file is kept for a rebuild.
    """
    module = source(name)
    is_stream = getattr(module, "IS_STREAM", False)
    releases: dict[dt.datetime | None, list[Loaded]] = {}
    receipts = []
    with store.writing():
        for incoming in files:
            try:
                file = _dated_anew(store, name, load(module, incoming, now=now))
            except BadInput as problem:
                put_aside(store, name, incoming.path, problem, origin=incoming.origin, now=now)
                _refuse([incoming.path], problem, refused)
            else:
                releases.setdefault(file.release.at, []).append(file)
        groups = [releases[at] for at in sorted(releases, key=lambda at: (at is not None, at))]
        if is_stream:
            # One at a time, in the order in which a rebuild reads them.
            every = (file for group in groups for file in group)
            groups = [[file] for file in sorted(every, key=lambda file: (file.path.name, file.sha256))]
        for group in groups:
            keep = all(file.path.parent != BUNDLE for file in group)
            try:
                if is_stream:
                    receipts.append(take_stream(store, module, group[0], now=now, keep=keep))
                    continue
                receipts += take_release(store, module, group, now=now, accept_jumps=accept_jumps, keep=keep)
            except BadInput as problem:
                _refuse([file.path for file in group], problem, refused)
    return receipts


def ingest_bundle(store: Store, *, now: dt.datetime) -> list[Receipt]:
    """Read the embedded data into the store; repeating it adds nothing."""
    return [ingest(store, name, BUNDLE / file, now=now) for name, file in BUNDLE_FILES.items()]


def _dated_anew(store: Store, name: str, file: Loaded) -> Loaded:
    """Date a fetched file by its fetching if its publisher had served other bytes under the same release date."""
    if file.release.said_by != "payload" or file.origin.fetched_at is None:
        return file
    known = read_vintages(store, name)
    is_new = not any(vintage.holds(file.sha256) for vintage in known)
    if is_new and any(vintage.released == file.release.at for vintage in known):
        return replace(file, release=Release(file.origin.fetched_at, "fetch"))
    return file


def _refuse(
    paths: Sequence[Path], problem: BadInput, refused: Callable[[Sequence[Path], BadInput], None] | None
) -> None:
    if refused is None:
        raise problem
    refused(paths, problem)
