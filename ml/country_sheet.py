"""What is known of the world around one supplier at a date: risk, politics, sanctions, disasters and straits.

It shows the facts themselves, those of signals that carry no weight in the forecasts included: an analyst judges them.
Every part says how old its newest fact is, as a list that has stopped looks like a quiet country.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import load_catalog
from features.catalog.regions import is_open, load_regions
from features.datasets import MOMENT
from features.hazard_events import distinct_events
from features.knowledge_time import UTC
from features.signals.hazards import ALIVE_WEEKS, NOTICED_FROM, hits
from ml.asked import asked_mineral, asked_moment, asked_supplier
from ml.country_straits import shares_of_straits, straits
from ml.knowledge import open_store
from ml.settings import load_settings

__all__ = ["country_sheet", "disasters", "indices", "list_ends", "politics", "risk", "sanctions"]

PAST_MONTHS = 36
A_YEAR = pd.Timedelta(weeks=52)
# Indices by country and year or month, in the order in which they are told.
INDICES = {
    "fsi_total": "Fragile States Index, 0 to 120, more is worse",
    "inform_risk": "INFORM Risk Index, 0 to 10, more is worse",
    "ucdp_intensity": "armed conflict, 0 none, 1 from 25, 2 from 1,000 deaths in battle a year",
    "ucdp_conflicts": "armed conflicts under way",
    "ucdp_deaths": "deaths in conflict",
}
COUPS = ("coup", "failed_coup", "coup_plot", "irregular_change")
Json = dict[str, Any]


def country_sheet(supplier: str, *, mineral: str | None, as_of: str | None, top: int, home: Path | None) -> Json:
    """Gather what was known at `as_of` (now by default) of one supplier.

    Args:
        mineral: whose producing regions disasters are held against; all of the supplier's by default.
        top: how many entries of each list.

    Raises:
        ConfigError: the supplier or mineral is none of the catalogue's, or `as_of` lies in the future.
    """
    catalog, now = load_catalog(), dt.datetime.now(UTC)
    code = asked_supplier(catalog, supplier)
    wanted = None if mineral is None else asked_mineral(catalog, mineral)
    moment = asked_moment(as_of, now=now)
    store = open_store(load_settings(home), now=now)
    at = pd.Timestamp(moment)
    names = {iso3: country.name_en for iso3, country in catalog.countries.items()}
    geopolitics, transits = (store.read(name, as_of=moment) for name in ("geopolitics", "transits"))
    ends = list_ends(store.read("coverage", as_of=moment))
    shares: dict[str, float] = {}
    if wanted is not None and len(transits):
        shares = shares_of_straits(store.read("trade", as_of=moment), transits, code, wanted)
    return {
        "as_of": moment.date().isoformat(),
        "supplier": code,
        "name": names[code],
        "mineral": wanted,
        "risk": risk(geopolitics, code),
        "indices": indices(geopolitics, code),
        "politics": politics(store.read("political_events", as_of=moment), code, at, ends, top=top),
        "sanctions": sanctions(store.read("sanctions", as_of=moment), code, names, top=top),
        "disasters": disasters(store.history("hazards", as_of=moment), code, wanted, at, top=top),
        "risk_collected": bool(geopolitics["indicator"].eq("gpr").any()),
        "straits_counted": sorted(transits["strait"].unique()),
        "straits": straits(transits, code, shares),
    }


def risk(geopolitics: pd.DataFrame, supplier: str) -> Json | None:
    """Give the newest month of the supplier's risk index against its past; None if it has no series of its own."""
    own = geopolitics[
        geopolitics["indicator"].eq("gpr")
        & geopolitics["frequency"].eq("month")
        & geopolitics["country"].eq(supplier)
        & geopolitics["partner"].eq("")
    ].sort_values("starts_on")
    if own.empty:
        return None
    newest, past = own.iloc[-1], own["value"].iloc[:-1].tail(PAST_MONTHS)
    spread = float(past.std(ddof=0)) if len(past) == PAST_MONTHS else 0.0
    return {
        "month": newest["starts_on"].strftime("%Y-%m"),
        "value": float(newest["value"]),
        "mean_36_months": float(past.mean()) if len(past) else None,
        "surprise": (float(newest["value"]) - float(past.mean())) / spread if spread > 0 else None,
        "source": newest["source"],
    }


def indices(geopolitics: pd.DataFrame, supplier: str) -> list[Json]:
    """Give the newest value of each slow index and count, with its period and the value of a year before."""
    found = []
    own = geopolitics[geopolitics["country"].eq(supplier) & geopolitics["partner"].eq("")]
    for name, what in INDICES.items():
        rows = own[own["indicator"].eq(name)].sort_values("starts_on")
        if rows.empty:
            continue
        newest = rows.iloc[-1]
        before = rows[rows["starts_on"].eq(newest["starts_on"] - pd.DateOffset(years=1))]
        is_year = newest["frequency"] == "year"
        found.append(
            {
                "indicator": name,
                "what": what,
                "period": newest["starts_on"].strftime("%Y" if is_year else "%Y-%m"),
                "value": float(newest["value"]),
                "a_year_before": float(before["value"].iloc[0]) if len(before) else None,
                "source": newest["source"],
            }
        )
    return found


def list_ends(coverage: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """Give until when each source of dated events knows them, by source."""
    until = coverage[coverage["bound"].eq("until")]
    return dict(until.groupby("source")["bound_at"].max())


def politics(
    events: pd.DataFrame, supplier: str, at: pd.Timestamp, ends: Mapping[str, pd.Timestamp], *, top: int
) -> Json:
    """Give coups and changes of leaders, newest first, and elections to come, next first.

    Args:
        ends: what `list_ends` gave.

    Returns:
        `past` and `coming`; `due`: what was to be held after its list had ended, so that nobody knows whether it was;
        and `lists`: until when each list of events knows anything at all.
    """
    # What several lists tell alike is told once.
    own = events[events["country"].eq(supplier)].sort_values(["happens_at", "source"], kind="stable")
    own = own.drop_duplicates(["happens_at", "kind"])
    is_past = own["happens_at"].lt(at)
    is_beyond = own["happens_at"].ge(own["source"].map(dict(ends)).astype(MOMENT).fillna(at))
    past, due, coming = own[is_past & ~is_beyond].iloc[::-1], own[is_past & is_beyond], own[~is_past]
    newest = events[events["happens_at"].lt(at)].groupby("source")["happens_at"].max()
    return {
        "past": [_event(row) for row in past.head(top).to_dict("records")],
        "due": [_event(row) for row in due.head(top).to_dict("records")],
        "coming": [_event(row) for row in coming.head(top).to_dict("records")],
        "last_coup": next((_event(row) for row in past.to_dict("records") if row["kind"] in COUPS), None),
        "lists": {str(name): _day(min(moment, ends.get(str(name), moment))) for name, moment in newest.items()},
    }


def _event(row: Mapping[str, Any]) -> Json:
    return {"on": _day(row["happens_at"]), "kind": row["kind"], "title": row["title"], "source": row["source"]}


def sanctions(listed: pd.DataFrame, supplier: str, names: Mapping[str, str], *, top: int) -> Json:
    """Count entries and programmes against a supplier by who imposes them, and list the newest and those on metals."""
    against = listed[listed["country"].eq(supplier)]
    programmes = against[against["kind"].eq("programme")].sort_values(["available_at", "entry_id"], ascending=False)
    entries = against[against["kind"].ne("programme")].sort_values(["available_at", "entry_id"], ascending=False)
    by = entries.groupby("imposed_by").size()
    metals = entries[entries["is_metals"]]
    return {
        "programmes": [_programme(row, names) for row in programmes.head(top).to_dict("records")],
        "programmes_in_force": len(programmes),
        "entries": {str(code): int(count) for code, count in by.items()},
        "metals": [_entry(row) for row in metals.head(top).to_dict("records")],
        "metals_in_force": len(metals),
        "imposes": int((listed["imposed_by"].eq(supplier) & listed["kind"].eq("programme")).sum()),
        "lists": {str(name): _day(own["available_at"].max()) for name, own in listed.groupby("source")},
        "lists_of_entries": sorted(listed.loc[listed["kind"].ne("programme"), "source"].unique()),
    }


def _programme(row: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    who = {"EUU": "European Union", "UNO": "United Nations"} | dict(names)
    return {
        "programme": row["programme"],
        "imposed_by": row["imposed_by"],
        "imposed_by_name": who.get(row["imposed_by"], row["imposed_by"]),
        "since": _day(row["listed_at"]),
        "name": row["name"],
    }


def _entry(row: Mapping[str, Any]) -> Json:
    minerals = [name for name in row["minerals"].split(";") if name]
    about = {"name": row["name"], "kind": row["kind"], "imposed_by": row["imposed_by"], "minerals": minerals}
    return about | {"listed_on": _day(row["listed_at"]), "seen_from": _day(row["available_at"])}


def disasters(history: pd.DataFrame, supplier: str, mineral: str | None, at: pd.Timestamp, *, top: int) -> Json:
    """Give the disasters of the last year that reached a producing region of the supplier, hardest first.

    Args:
        history: every known version of dataset `hazards`.

    Returns:
        `found`: at most `top`, each with its likely effect on the output of each mineral (0 to 1); `regions`: how many
        are known, and which share of the output of each mineral they stand for; `newest`: the day of the newest
        disaster anywhere; `is_alive`: whether that is recent enough to believe that nothing happened.
    """
    places = load_regions()
    places = places[places["iso3"].eq(supplier)]
    if mineral is not None:
        places = places[places["mineral"].eq(mineral)]
    # What had not begun is no place yet, and what had closed is none any more.
    regions = places[is_open(places, at.year)]
    located = regions.groupby("mineral")["share_frac"].sum().clip(upper=1.0).round(2)
    about: Json = {
        "regions": int(regions["id"].nunique()),
        "located": {str(name): float(share) for name, share in located.items()},
        "newest": _day(history["happened_at"].max()) if len(history) else None,
        "is_alive": bool(len(history)) and history["happened_at"].max() > at - pd.Timedelta(weeks=ALIVE_WEEKS),
        "found": [],
    }
    recent = distinct_events(history) if len(history) else history
    recent = recent.sort_values("available_at", kind="stable").drop_duplicates(["source", "event_id"], keep="last")
    recent = recent[~recent["is_retracted"] & recent["available_at"].gt(at - A_YEAR)].reset_index(drop=True)
    if recent.empty or regions.empty:
        return about
    # Of last year's disasters, those before the turn of the year are held against what worked then.
    found = hits(recent, places[places["mineral"].isin(regions["mineral"])])
    found = found[found["strongest"].ge(NOTICED_FROM)]
    rows = []
    for number, own in found.groupby("hazard"):
        event = recent.iloc[int(str(number))]
        effect = dict(zip(own["mineral"], own["hit"].astype("float64"), strict=True))
        rows.append(
            {
                "on": _day(event["happened_at"]),
                "kind": event["kind"],
                "magnitude": float(event["magnitude"]) if np.isfinite(event["magnitude"]) else None,
                "severity": int(event["severity"]),
                "title": event["title"],
                "effect": effect,
                "source": event["source"],
                "disaster_id": event["disaster_id"],
            }
        )
    # What several sources tell of one disaster is listed once, as the hardest of them.
    rows.sort(key=lambda row: (-max(row["effect"].values()), row["on"], row["source"]))
    once = {row["disaster_id"]: row for row in reversed(rows)}
    listed = [row for row in rows if once[row["disaster_id"]] is row]
    return about | {"found": [{k: v for k, v in row.items() if k != "disaster_id"} for row in listed[:top]]}


def _day(moment: Any) -> str | None:
    return None if pd.isna(moment) else moment.date().isoformat()
