"""Candidates: news that looks like a new export measure, waiting for an analyst's word.

Reports of one supplier, one kind and a common mineral that follow each other within three weeks are one candidate; it
keeps the name of its first report. Only reports that say that something happened or was announced count. Everything
looks backwards: a later report joins a candidate or begins one, and never changes which of the earlier ones belong
together. Candidates are no facts: they enter `measures` only when a review confirms them.
"""

from __future__ import annotations

import pandas as pd

from features.datasets import MOMENT
from features.stories import with_stories

__all__ = ["CANDIDATE_COLUMNS", "CANDIDATE_KINDS", "STATES", "candidates"]

CANDIDATE_KINDS = ("export_ban", "export_quota", "export_tax", "licensing", "processing_requirement")
STATES = ("open", "confirmed", "rejected")
QUIET = pd.Timedelta(weeks=3)
# A measure on record that was announced about then is most likely the same one.
NEAR = pd.Timedelta(days=60)
CANDIDATE_COLUMNS = (
    "candidate_id", "state", "supplier", "minerals", "kind", "first_seen", "last_seen", "reports", "feeds",
    "languages", "confidence", "title", "link", "known_as", "reviewed_by", "reviewed_at", "why",
)  # fmt: skip


def candidates(links: pd.DataFrame, news: pd.DataFrame, measures: pd.DataFrame, reviews: pd.DataFrame) -> pd.DataFrame:
    """List the candidates, the newest first.

    Args:
        links, news, measures, reviews: every known version of the datasets.

    Returns:
        `CANDIDATE_COLUMNS`: `minerals` joined by ";", all that any report names, empty where none does; `reports`
        counts clusters; `known_as` names measures on record that seem to be the same, joined by ";".
    """
    reports = _reports(links)
    if reports.empty:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in CANDIDATE_COLUMNS})
    reports["candidate_id"] = _grouped(reports)
    items = news.sort_values("available_at").drop_duplicates("item_id", keep="last").set_index("item_id")
    rows = [_candidate(name, group, items) for name, group in reports.groupby("candidate_id", sort=True)]
    found = pd.DataFrame(rows).astype({"first_seen": MOMENT, "last_seen": MOMENT})
    found["known_as"] = [_known_as(row, measures) for row in found.to_dict("records")]
    last = reviews.sort_values("available_at").drop_duplicates("candidate_id", keep="last").set_index("candidate_id")
    said = last.reindex(found["candidate_id"])
    state = said["decision"].where(said["decision"].isin(STATES)).fillna("open")
    found = found.assign(state=state.to_numpy(), reviewed_at=said["available_at"].array)
    for name in ("reviewed_by", "why"):
        found[name] = said[name].fillna("").to_numpy()
    return found.sort_values(["first_seen", "candidate_id"], ascending=[False, True], ignore_index=True)[
        list(CANDIDATE_COLUMNS)
    ]


def _reports(links: pd.DataFrame) -> pd.DataFrame:
    # One row per item and supplier, the earliest first, with the minerals that its first version names and its cluster:
    # a correction that came later must not regroup what an analyst has seen.
    kept = links[
        links["event_type"].isin(CANDIDATE_KINDS)
        & links["tense"].isin(["happened", "announced"])
        & links["direction"].eq("tightening")
        & links["supplier"].ne("")
        & ~links["is_retracted"]
    ]
    first = kept.groupby(["item_id", "supplier"])["available_at"].transform("min")
    kept = kept[kept["available_at"].eq(first)].drop_duplicates(["item_id", "mineral", "supplier"])
    if kept.empty:
        return kept
    rows = with_stories(kept.sort_values("mineral", kind="stable")).groupby(["item_id", "supplier"], sort=False)
    return rows.first().assign(minerals=rows["mineral"].agg(lambda ids: frozenset(filter(None, ids)))).reset_index()


def _grouped(reports: pd.DataFrame) -> list[str]:
    # In order of time: to the newest candidate that fits, else a new one, named after this report.
    open_by: dict[tuple[str, str], list[dict]] = {}
    names = []
    for row in reports[["cluster_id", "item_id", "supplier", "event_type", "minerals", "available_at"]].itertuples():
        known = open_by.setdefault((row.supplier, row.event_type), [])
        fits = [
            one
            for one in known
            if row.cluster_id in one["clusters"]
            or (row.available_at - one["last"] <= QUIET and _overlap(row.minerals, one["minerals"]))
        ]
        if fits:
            one = fits[-1]
        else:
            one = {"name": f"{row.item_id[:12]}-{row.supplier}-{row.event_type}", "clusters": set(), "minerals": set()}
            known.append(one)
        one["last"] = row.available_at
        one["clusters"].add(row.cluster_id)
        one["minerals"] |= row.minerals
        names.append(one["name"])
    return names


def _overlap(one: frozenset[str], other: set[str]) -> bool:
    # A report that names no mineral speaks of all of them.
    return not one or not other or bool(one & other)


def _candidate(name: str, reports: pd.DataFrame, items: pd.DataFrame) -> dict:
    first = reports.iloc[0]
    return {
        "candidate_id": name,
        "supplier": first["supplier"],
        "minerals": ";".join(sorted(set().union(*reports["minerals"]))),
        "kind": first["event_type"],
        "first_seen": first["available_at"],
        "last_seen": reports["available_at"].iloc[-1],
        "reports": reports["cluster_id"].nunique(),
        "feeds": reports["feed"].nunique(),
        "languages": reports["language"].nunique(),
        "confidence": float(reports["confidence"].max()),
        "title": first["title"],
        "link": items["link"].get(first["item_id"], ""),
    }


def _known_as(candidate: dict, measures: pd.DataFrame) -> str:
    minerals = set(candidate["minerals"].split(";")) - {""}
    near = measures[
        measures["supplier"].eq(candidate["supplier"])
        & measures["kind"].eq(candidate["kind"])
        & ~measures["is_retracted"]
        & ((measures["announced_at"] - candidate["first_seen"]).abs() <= NEAR)
    ]
    same = near[near["mineral"].isin(minerals)] if minerals else near
    return ";".join(sorted(set(same["event_id"])))
