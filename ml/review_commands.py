"""What the commands about candidates do: list them, and record an analyst's decision.

A decision is written as a payload of the source `reviews` and read like any other, so that a rebuild keeps it.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from features import collection
from features.candidates import candidates
from features.catalog import load_catalog
from features.errors import ConfigError
from features.knowledge_time import UTC, as_moment
from features.sources.reviews import ConfirmedMeasure, Review
from features.store import Store
from ml.asked import asked_mineral, asked_moment, asked_supplier
from ml.knowledge import open_store
from ml.settings import load_settings

__all__ = ["list_candidates", "reports_of", "review"]

NEEDED = ["news_links", "news", "measures", "reviews"]
DECISIONS = {"confirm": "confirmed", "reject": "rejected", "reopen": "reopened"}


def list_candidates(
    *,
    state: str,
    home: Path | None,
    mineral: str | None = None,
    supplier: str | None = None,
    since: str | None = None,
    as_of: str | None = None,
) -> pd.DataFrame:
    """Give the candidates in one state ("all": in any), the newest first.

    Raises:
        ConfigError: a date is no date.
    """
    store, now = _open(home)
    catalog = load_catalog()
    mineral = mineral and asked_mineral(catalog, mineral)
    supplier = supplier and asked_supplier(catalog, supplier)
    found = _candidates(store, asked_moment(as_of, now=now))
    keep = pd.Series(True, index=found.index) if state == "all" else found["state"].eq(state)
    if mineral:
        keep &= found["minerals"].str.split(";").map(lambda ids: mineral in ids).astype(bool)
    if supplier:
        keep &= found["supplier"].eq(supplier)
    if since:
        keep &= found["last_seen"] >= pd.Timestamp(as_moment(since))
    return found[keep].reset_index(drop=True)


def reports_of(candidate: Mapping[str, Any], *, home: Path | None) -> pd.DataFrame:
    """Give the news behind a candidate, the earliest first: available_at, feed, language, title, link."""
    store, now = _open(home)
    tables = store.histories(["news_links", "news"], as_of=now)
    links = tables["news_links"]
    minerals = set(candidate["minerals"].split(";"))
    behind = links[
        links["supplier"].eq(candidate["supplier"])
        & links["event_type"].eq(candidate["kind"])
        & links["mineral"].isin({*minerals, ""})
        & links["available_at"].between(candidate["first_seen"], candidate["last_seen"])
    ]
    items = tables["news"][tables["news"]["item_id"].isin(behind["item_id"])]
    columns = ["available_at", "feed", "language", "title", "link"]
    return items.sort_values("available_at").drop_duplicates("item_id", keep="last")[columns].reset_index(drop=True)


def review(
    candidate: str, action: str, *, why: str, by: str, changes: Mapping[str, Any], home: Path | None
) -> dict[str, Any]:
    """Record a decision on a candidate.

    Args:
        candidate: its id, or the beginning of it.
        action: one of `DECISIONS`.
        changes: what the analyst corrects of the measure, by field of `ConfirmedMeasure`.

    Returns:
        The decision as recorded, with the measure if there is one.

    Raises:
        ConfigError: no or several candidates are called so, the decision does not fit the state, or a correction is
            not of the form that a measure has.
    """
    store, now = _open(home)
    changes = _of_the_catalogue(changes)
    found = _named(_candidates(store, now), candidate)
    decision = DECISIONS[action]
    if decision == "reopened" and found["state"] == "open":
        raise ConfigError(f"{found['candidate_id']} is open already; there is nothing to reopen")
    if decision == found["state"] and not changes:
        raise ConfigError(f"{found['candidate_id']} is {decision} already; correct it, or --reopen it first")
    if changes and decision != "confirmed":
        raise ConfigError(f"{', '.join(changes)}: only a measure that is confirmed can be corrected; add --confirm")
    earlier = _confirmed_before(store, found["candidate_id"], now)
    measure = _measure(found, earlier, changes) if decision == "confirmed" else None
    try:
        told = Review(
            candidate_id=found["candidate_id"],
            decision=decision,
            reviewed_at=now,
            reviewed_by=by,
            why=why,
            measure=measure,
            withdrawn=earlier,
        )
    except ValidationError as problem:
        raise _said_wrongly(problem) from None
    _take(store, told, now=now)
    return json.loads(told.model_dump_json())


def _of_the_catalogue(changes: Mapping[str, Any]) -> dict[str, Any]:
    catalog, out = load_catalog(), dict(changes)
    if "supplier" in out:
        out["supplier"] = asked_supplier(catalog, out["supplier"])
    if "minerals" in out:
        out["minerals"] = [asked_mineral(catalog, name) for name in out["minerals"]]
    if "targeted_importers" in out:
        out["targeted_importers"] = [
            asked_supplier(catalog, name, option="--target") for name in out["targeted_importers"]
        ]
    return out


def _open(home: Path | None) -> tuple[Store, dt.datetime]:
    now = dt.datetime.now(UTC)
    return open_store(load_settings(home), now=now), now


def _candidates(store: Store, as_of: dt.datetime) -> pd.DataFrame:
    tables = store.histories(NEEDED, as_of=as_of)
    return candidates(*(tables[name] for name in NEEDED))


def _named(found: pd.DataFrame, name: str) -> dict[str, Any]:
    hits = found[found["candidate_id"].str.startswith(name)] if len(found) else found
    if len(hits) != 1:
        what = "no candidate is" if hits.empty else f"{len(hits)} candidates are"
        raise ConfigError(f"{what} called {name!r}; list them with: oresight measures candidates --state all")
    return hits.to_dict("records")[0]


def _confirmed_before(store: Store, candidate_id: str, now: dt.datetime) -> ConfirmedMeasure | None:
    reviews = store.histories(["reviews"], as_of=now)["reviews"]
    own = reviews[reviews["candidate_id"].eq(candidate_id)].sort_values("available_at")
    text = own["measure"].iloc[-1] if len(own) else ""
    return ConfirmedMeasure.model_validate_json(text) if text else None


def _measure(
    candidate: Mapping[str, Any], earlier: ConfirmedMeasure | None, changes: Mapping[str, Any]
) -> ConfirmedMeasure:
    # What an earlier confirmation said stays unless it is corrected; else what the reports said.
    proposed = {
        "supplier": candidate["supplier"],
        "minerals": [mineral for mineral in candidate["minerals"].split(";") if mineral],
        "kind": candidate["kind"],
        "announced_on": candidate["first_seen"].date().isoformat(),
        "title": candidate["title"],
        "evidence": candidate["link"],
    }
    start = proposed if earlier is None else json.loads(earlier.model_dump_json())
    try:
        return ConfirmedMeasure.model_validate({**start, **changes})
    except ValidationError as problem:
        raise _said_wrongly(problem) from None


def _said_wrongly(problem: ValidationError) -> ConfigError:
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    hint = "; the reports name no mineral, so name them with --mineral" if where == "minerals" else ""
    return ConfigError(f"{where}: {first['msg']}, not {first['input']!r}{hint}")


def _take(store: Store, told: Review, *, now: dt.datetime) -> None:
    with tempfile.TemporaryDirectory(prefix="oresight-review-") as folder:
        path = Path(folder) / f"{told.candidate_id}-{now:%Y%m%dT%H%M%S%f}.json"
        path.write_text(told.model_dump_json(indent=1), encoding="utf-8")
        collection.ingest(store, "reviews", path, now=now)
