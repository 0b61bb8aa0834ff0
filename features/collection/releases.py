"""One release of a source goes into the store: dated, held against what is stored, appended at one stroke.

The rules of dating are in `features/collection/vintages.py`, the checks against the stored release in
`features/collection/drift.py`; here they meet the store, the kept payloads and the receipt. Nothing is
written before every table has passed, and then all of it appears together.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pandas as pd

from features import datasets
from features.collection import drift, payloads, vintages
from features.collection.intake import Loaded
from features.collection.vintages import Dated, OutOfOrder, Vintage
from features.errors import BadInput
from features.store import Store

__all__ = ["MAX_SHRINK_FRAC", "Receipt", "payload_folder", "put_aside", "take_release"]

# A list that withdraws what it no longer holds may lose this share of its entries at once.
MAX_SHRINK_FRAC = 0.2


@dataclass(frozen=True)
class Receipt:
    """What reading one file did.

    `added` and `revised` count rows per dataset (the revised are among the added), `counts` what was left out;
    `missing` are stored facts that the whole release no longer holds, `withdrawn` those of them that were withdrawn;
    `failed` are the parts that gave nothing, and why, where parts are independent.
    """

    source: str
    file: str
    added: dict[str, int]
    rejected: int
    counts: dict[str, int] = field(default_factory=dict)
    released: dt.datetime | None = None
    sha256: str = ""
    revised: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    withdrawn: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """What dating and checking one dataset of a release needs to know."""

    store: Store
    module: ModuleType
    released: dt.datetime | None
    before: dt.datetime | None
    is_older: bool
    accept_jumps: bool
    where: str
    now: dt.datetime


@dataclass(frozen=True)
class _Outcome:
    """One dataset of a release: what goes into the store, from which file each row is (-1: none), and the counts."""

    rows: pd.DataFrame
    files: list[int]
    revised: list[int]
    missing: int

    def added_by(self, file: int) -> int:
        return self.files.count(file)


def payload_folder(store: Store) -> Path:
    """Give the folder of kept payloads that belongs to a store."""
    return store.folder.parent / "payloads"


def put_aside(
    store: Store, source: str, path: Path, problem: BadInput, *, origin: payloads.Origin, now: dt.datetime
) -> None:
    """Put a refused file into the quarantine; an empty or missing one is no evidence of anything."""
    if path.is_file() and path.stat().st_size:
        payloads.quarantine(payload_folder(store), source, path, reason=str(problem), origin=origin, now=now)


def take_release(
    store: Store, module: ModuleType, files: Sequence[Loaded], *, now: dt.datetime, accept_jumps: bool, keep: bool
) -> list[Receipt]:
    """Store one release, whose files were read; the caller is the only writer.

    Args:
        keep: whether the files' bytes are to be kept; the embedded ones and those kept already are not.

    Raises:
        BadInput: the release contradicts or does not fit what is stored; its files are in the quarantine.
        OutOfOrder: a newer release speaks about the same facts; the files are kept.
    """
    source, released = module.SPEC.name, files[0].release.at
    known = vintages.read_vintages(store, source)
    newest = vintages.newest_fact(table for file in files for table in file.harvest.tables.values())
    is_older = any(vintages.is_older(released, newest, vintage) for vintage in known)
    is_repeated = any(v.released == released and all(v.holds(file.sha256) for file in files) for v in known)
    if is_older and is_repeated:
        return [_receipt(source, file, number, {}) for number, file in enumerate(files)]
    before = None if released is None else vintages.release_before(known, released, newest)
    where = str(files[0].path) if len(files) == 1 else f"{files[0].path} and {len(files) - 1} more"
    step = _Step(store, module, released, before, is_older, accept_jumps, where, now)
    try:
        # Every table must pass before the first is stored.
        outcomes = {name: _date_dataset(step, name, files) for name in _datasets_in(files)}
    except OutOfOrder:
        _keep(step, files, keep=keep, anew=True)
        raise
    except BadInput as problem:
        for file in files:
            put_aside(store, source, file.path, problem, origin=file.origin, now=now)
        raise
    _keep(step, files, keep=keep, anew=False)
    rows = {name: outcome.rows for name, outcome in outcomes.items()}
    is_news = any(map(len, rows.values())) or not is_repeated
    record = _record(step, files, newest, outcomes)
    store.commit(rows, {vintages.record_name(store, source): record.text()} if is_news else {})
    for file in files:
        _list_rejected(store, source, file.harvest.rejected)
        if file.harvest.left_out is not None:
            _list_rejected(store, f"{source}-left-out", file.harvest.left_out)
    return [_receipt(source, file, number, outcomes) for number, file in enumerate(files)]


def _datasets_in(files: Sequence[Loaded]) -> list[str]:
    return list(dict.fromkeys(name for file in files for name in file.harvest.tables))


def _date_dataset(step: _Step, name: str, files: Sequence[Loaded]) -> _Outcome:
    rows, origin = _join(name, files)
    source = step.module.SPEC.name
    if step.released is not None or step.store.batches(name):
        rows = datasets.check(name, rows, where=step.where)
    drift.check_periods(name, rows, at=step.released or step.now, where=step.where)
    rounding = getattr(step.module, "ROUNDING", None)
    compared = vintages.compare(step.store, name, rows, source=source, rounding=rounding)
    if step.is_older and compared is not None and compared["stored_at"].notna().any():
        raise _out_of_order(step, name, int(compared["stored_at"].notna().sum()))
    dated = vintages.date_facts(name, rows, compared, released=step.released, before=step.before, where=step.where)
    missing = datasets.empty(name)
    if compared is not None and not step.is_older:
        missing = vintages.missing_facts(step.store, name, rows, source=source)
        if not step.accept_jumps:
            drift.check_jumps(name, dated.changes, compared, rows, where=step.where)
        dated = _withdrawn(step, name, dated, missing, stored=dated.stored + len(missing))
    _check_not_in_future(name, dated.rows, step)
    news = step.store.news(name, dated.rows, where=step.where)
    kept = dated.rows.index[news.index]
    revised = set(dated.changes.index)
    numbers = [-1 if at < 0 else origin[at] for at in kept]
    return _Outcome(news, numbers, [origin[at] for at in kept if at in revised], len(missing))


def _join(name: str, files: Sequence[Loaded]) -> tuple[pd.DataFrame, list[int]]:
    """Give the rows of all files and the file of each; what several files say alike is kept once."""
    parts = [file.harvest.tables[name] for file in files if name in file.harvest.tables]
    numbers = [number for number, file in enumerate(files) if name in file.harvest.tables]
    rows = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0].reset_index(drop=True)
    origin = [number for number, part in zip(numbers, parts, strict=True) for _ in range(len(part))]
    if len(parts) > 1:
        rows = rows.drop_duplicates()
        origin = [origin[at] for at in rows.index]
    return rows.reset_index(drop=True), origin


def _withdrawn(step: _Step, name: str, dated: Dated, missing: pd.DataFrame, *, stored: int) -> Dated:
    withdraws = getattr(step.module, "WITHDRAWS", False)
    most = getattr(step.module, "MAX_SHRINK_FRAC", MAX_SHRINK_FRAC if withdraws else None)
    if most is not None and not step.accept_jumps:
        drift.check_shrinking(name, stored=stored, missing=len(missing), most=most, where=step.where)
    if not withdraws or step.released is None:
        return dated
    return vintages.withdraw(dated, missing, released=step.released)


def _out_of_order(step: _Step, name: str, facts: int) -> OutOfOrder:
    return OutOfOrder(
        where=step.where,
        expected=f"the releases of {step.module.SPEC.name} oldest first",
        found=f"one of {step.released:%Y-%m-%d} after a newer one, with {facts} stored facts of {name}",
        remedy="It is kept, but not read: `oresight rebuild` reads all kept files again in the right order.",
    )


def _check_not_in_future(name: str, rows: pd.DataFrame, step: _Step) -> None:
    late = rows[rows["available_at"] > pd.Timestamp(step.now)]
    if len(late):
        raise BadInput(
            where=f"{step.where}, dataset {name}",
            expected=f"facts that can be known by {step.now.date()}",
            found=f"{len(late)} row(s) that can be known only from {late['available_at'].min().date()}",
            remedy="Correct the dates, give the release date with --released, or read the file after that day.",
        )


def _keep(step: _Step, files: Sequence[Loaded], *, keep: bool, anew: bool) -> None:
    if not keep:
        return
    root = payload_folder(step.store)
    for file in files:
        payload = payloads.keep(
            root,
            step.module.SPEC.name,
            file.path,
            release=file.release,
            origin=file.origin,
            now=step.now,
            is_accepted=step.accept_jumps,
        )
        if anew:
            payloads.redate(root, payload, file.release)


def _record(
    step: _Step, files: Sequence[Loaded], newest: dt.datetime | None, outcomes: Mapping[str, _Outcome]
) -> Vintage:
    told = tuple(
        {"file": f.path.name, "sha256": f.sha256, "rows": f.rows, "rejected": len(f.harvest.rejected)} for f in files
    )
    added = {name: len(outcome.rows) for name, outcome in outcomes.items()}
    revised = {name: len(outcome.revised) for name, outcome in outcomes.items()}
    missing = sum(outcome.missing for outcome in outcomes.values())
    return Vintage(step.module.SPEC.name, step.released, newest, step.now, told, added, revised, missing)


def _receipt(source: str, file: Loaded, number: int, outcomes: Mapping[str, _Outcome]) -> Receipt:
    return Receipt(
        source=source,
        file=file.path.name,
        added={name: outcomes[name].added_by(number) if name in outcomes else 0 for name in file.harvest.tables},
        rejected=len(file.harvest.rejected),
        counts=dict(file.harvest.counts),
        released=file.release.at,
        sha256=file.sha256,
        revised={name: Counter(outcome.revised)[number] for name, outcome in outcomes.items()},
        missing=sum(outcome.missing for outcome in outcomes.values()),
        withdrawn=sum(outcome.added_by(-1) for outcome in outcomes.values()),
        failed=file.harvest.failed,
    )


def _list_rejected(store: Store, source: str, rejected: pd.DataFrame) -> None:
    if rejected.empty:
        return
    folder = store.folder / "quarantine"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source}.csv"
    table = rejected.assign(source=source).astype("str").fillna("")
    if path.exists():
        before = pd.read_csv(path, dtype="str", keep_default_na=False)
        table = pd.concat([before, table]).drop_duplicates()
    aside = path.with_suffix(".part")
    table.to_csv(aside, index=False)
    aside.replace(path)
