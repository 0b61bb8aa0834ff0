"""What the commands about publication do: bring the sinks up to date, and look after the database's schema."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from features.errors import ConfigError, OresightError
from features.knowledge_time import UTC, as_moment
from ml.database import migrating
from ml.database.connection import address_of, engine_for, is_embedded
from ml.publish.database import current_in, stored_digests
from ml.publish.rows import digest_of, order_of
from ml.publish.sinks import Outcome, publish, sinks_named
from ml.runs import Run, find_run, is_held_back, published
from ml.screen import screen
from ml.settings import Settings, load_settings

__all__ = [
    "downgrade",
    "print_published",
    "print_status",
    "publish_all",
    "publish_chosen",
    "status",
    "upgrade",
]

Json = dict[str, Any]
Say = Callable[[str], None]


def publish_all(settings: Settings, *, now: dt.datetime, say: Say) -> list[Outcome]:
    """Publish every run that a configured sink lacks; a sink that fails is in the outcome, and nothing is raised.

    The weekly job calls this when the run is in its folder.
    """
    return _publish(settings, published(settings), to=_configured(settings), now=now, say=say)


def publish_chosen(
    *, run_id: str | None, as_of: str | None, every: bool, to: Sequence[str] | None, home: Path | None, say: Say
) -> Json:
    """Publish what is missing, or one run, or every run anew.

    Args:
        run_id: this run alone.
        as_of: the newest run of this week alone.
        every: all runs, also those that are there: stored rows are replaced.
        to: sinks; without any, those of the settings.

    Returns:
        `runs`, the number that were looked at, and `sinks`: sink, stored, unchanged, problem, exit_code.

    Raises:
        ConfigError: more than one choice of runs was made, a sink or a run is unknown.
        OresightError: nothing has been published yet.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    if sum((run_id is not None, as_of is not None, every)) > 1:
        raise ConfigError("--run, --as-of and --all exclude each other; give one of them, or none for what is missing")
    sinks = sinks_named(to) if to else _configured(settings)
    runs = _chosen(settings, run_id, as_of)
    outcomes = _publish(settings, runs, to=sinks, now=now, say=say, again=every)
    return {"runs": len(runs), "sinks": [asdict(outcome) for outcome in outcomes]}


def _chosen(settings: Settings, run_id: str | None, as_of: str | None) -> list[Run]:
    if as_of is not None:
        return [find_run(settings, as_moment(as_of))]
    runs = published(settings)
    if not runs:
        raise OresightError(f"no run has been published below {settings.runs}; run `oresight weekly` first")
    if run_id is None:
        return runs
    if found := [run for run in runs if run.run_id == run_id]:
        return found
    raise ConfigError(f"--run: no run is called {run_id!r}; the newest is {runs[-1].run_id}")


def _configured(settings: Settings) -> tuple[str, ...]:
    return sinks_named(settings.publish_to)


def _publish(
    settings: Settings, runs: Sequence[Run], *, to: Sequence[str], now: dt.datetime, say: Say, again: bool = False
) -> list[Outcome]:
    keep = {"keep_runs": settings.keep_runs, "keep_explanations": settings.keep_explanations}
    return publish(settings, runs, to=to, now=now, say=say, again=again, **keep)


def print_published(result: Json) -> None:
    """Print what every sink took."""
    console = screen()
    for sink in result["sinks"]:
        if not sink["problem"]:
            stored, unchanged = len(sink["stored"]), sink["unchanged"]
            console.print(f"{sink['sink']}: {stored} run(s) published, {unchanged} unchanged or left out")


def status(*, home: Path | None) -> Json:
    """Say which schema the database has, and what is published in it.

    Raises:
        DatabaseAway: it does not answer.
    """
    settings = load_settings(home)
    engine = engine_for(settings)
    found, known = migrating.revision_of(engine), migrating.revisions()
    is_current = found == known[-1]
    stored = stored_digests(engine) if is_current else {}
    pointer = current_in(engine) if is_current else None
    runs = sorted(published(settings), key=lambda run: order_of(run.about))
    wanted = runs[-settings.keep_runs :]
    missing = [run.run_id for run in wanted if stored.get(run.run_id) != digest_of(run.about)]
    newest = [run.run_id for run in runs if not is_held_back(run.about)]
    return {
        "address": address_of(engine),
        "kind": "SQLite, in the home" if is_embedded(engine) else "PostgreSQL",
        "schema": found,
        "newest_schema": known[-1],
        "is_current": is_current,
        "to_do": _to_do(engine, found, known, missing),
        "current_run": pointer[0] if pointer else None,
        "edition": pointer[1] if pointer else None,
        "runs_stored": len(stored),
        "newest_run_on_disk": newest[-1] if newest else None,
        "runs_missing": missing,
    }


def _to_do(engine: Any, found: str | None, known: list[str], missing: list[str]) -> str:
    if found is not None and found not in known:
        return "use the newer oresight that made it"
    if found != known[-1]:
        return "nothing; it is done when a run is published" if is_embedded(engine) else "`oresight database upgrade`"
    return "`oresight publish`" if missing else "nothing"


def print_status(about: Json) -> None:
    """Print the state of the database."""
    console = screen()
    lines = {
        "database": f"{about['address']} ({about['kind']})",
        "schema": f"{about['schema'] or 'none yet'}, newest known {about['newest_schema']}",
        "current run": f"{about['current_run'] or 'none'}, edition {about['edition'] or 0}",
        "runs": f"{about['runs_stored']} stored, {len(about['runs_missing'])} missing",
        "newest on disk": about["newest_run_on_disk"] or "none",
        "to do": about["to_do"],
    }
    for name, text in lines.items():
        console.print(f"{name:15} {text}", soft_wrap=True, highlight=False, markup=False)


def upgrade(*, to: str, home: Path | None) -> Json:
    """Take the steps up to a schema.

    Raises:
        ConfigError: there is no such step, or the database is past it.
        SchemaMismatch: the database is of a newer version.
        DatabaseAway: it does not answer.
    """
    engine = engine_for(load_settings(home))
    before = migrating.revision_of(engine)
    migrating.migrate(engine, to)
    return {"address": address_of(engine), "before": before, "after": migrating.revision_of(engine)}


def downgrade(revision: str, *, may_drop: bool, home: Path | None) -> Json:
    """Undo the steps after a schema.

    Raises:
        ConfigError: there is no such step, the database has not come that far, or the loss was not agreed to.
        SchemaMismatch: the database is of a newer version.
        DatabaseAway: it does not answer.
    """
    engine = engine_for(load_settings(home))
    before = migrating.revision_of(engine)
    if not may_drop:
        raise ConfigError(
            f"going back to {revision} drops the tables of later schemas with what is in them; keys, warnings and "
            "deliveries are nowhere else. Back the database up and say --drop-data"
        )
    migrating.downgrade(engine, revision)
    return {"address": address_of(engine), "before": before, "after": migrating.revision_of(engine)}
