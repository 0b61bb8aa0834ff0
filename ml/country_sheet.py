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
from features.catalog.regions import load_regions
from features.catalog.routes import load_routes, load_straits
from features.hazard_events import distinct_events
from features.knowledge_time import UTC
from features.signals.hazards import NOTICED_FROM, hits
from features.signals.logistics import STRAITS, flow_shares
from features.store import Store
from ml.asked import asked_mineral, asked_moment, asked_supplier
from ml.knowledge import open_store
from ml.settings import load_settings

__all__ = ["country_sheet", "disasters", "indices", "politics", "risk", "sanctions", "straits"]

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
WEEKS = 4
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
    geopolitics, transits = (_known(store, name, moment) for name in ("geopolitics", "transits"))
    return {
        "as_of": moment.date().isoformat(),
        "supplier": code,
        "name": names[code],
        "mineral": wanted,
        "risk": risk(geopolitics, code),
        "indices": indices(geopolitics, code),
        "politics": politics(_known(store, "political_events", moment), code, at, top=top),
        "sanctions": sanctions(_known(store, "sanctions", moment), code, names, top=top),
        "disasters": disasters(store.history("hazards", as_of=moment), code, wanted, at, top=top),
        "straits": straits(transits, code, _shares(store, transits, code, wanted, moment)),
    }


def _known(store: Store, name: str, moment: dt.datetime) -> pd.DataFrame:
    return store.read(name, as_of=moment)


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


def politics(events: pd.DataFrame, supplier: str, at: pd.Timestamp, *, top: int) -> Json:
    """Give coups and changes of leaders, newest first, and elections to come, next first.

    Returns:
        `past` and `coming`, and `lists`: until when each list of events knows anything at all.
    """
    own = events[events["country"].eq(supplier)].sort_values("happens_at", kind="stable")
    coming = own[own["kind"].eq("election") & own["happens_at"].ge(at)]
    past = own[own["happens_at"].lt(at)].iloc[::-1]
    happened = events[events["happens_at"].lt(at)]
    return {
        "past": [_event(row) for row in past.head(top).to_dict("records")],
        "coming": [_event(row) for row in coming.head(top).to_dict("records")],
        "last_coup": next((_event(row) for row in past.to_dict("records") if row["kind"] in COUPS), None),
        "lists": {str(name): _day(own["happens_at"].max()) for name, own in happened.groupby("source")},
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
        disaster anywhere.
    """
    regions = load_regions()
    regions = regions[regions["iso3"].eq(supplier)]
    if mineral is not None:
        regions = regions[regions["mineral"].eq(mineral)]
    located = regions.groupby("mineral")["share_frac"].sum().clip(upper=1.0).round(2)
    about = {
        "regions": int(regions["id"].nunique()),
        "located": {str(name): float(share) for name, share in located.items()},
        "newest": _day(history["happened_at"].max()) if len(history) else None,
        "found": [],
    }
    recent = distinct_events(history) if len(history) else history
    recent = recent.sort_values("available_at", kind="stable").drop_duplicates(["source", "event_id"], keep="last")
    recent = recent[~recent["is_retracted"] & recent["available_at"].gt(at - A_YEAR)].reset_index(drop=True)
    if recent.empty or regions.empty:
        return about
    found = hits(recent, regions)
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


def _shares(
    store: Store, transits: pd.DataFrame, supplier: str, mineral: str | None, moment: dt.datetime
) -> dict[str, float]:
    # Which part of the pair's tonnes of the newest year passes each strait.
    if mineral is None or transits.empty:
        return {}
    catalog = load_catalog()
    codes = catalog.used_hs_codes()
    trade = store.read("trade", as_of=moment)
    trade = trade[trade["hs_code"].isin(codes.loc[codes["mineral"].eq(mineral), "hs_code"])]
    found = flow_shares(trade, transits, catalog)
    own = found[found["mineral"].eq(mineral) & found["supplier"].eq(supplier)]
    if own.empty:
        return {}
    newest = own.iloc[-1]
    shares = {strait: float(newest[f"logistics_{strait}_frac"]) for strait in STRAITS}
    return {strait: round(share, 4) for strait, share in shares.items() if np.isfinite(share)}


def straits(transits: pd.DataFrame, supplier: str, shares: Mapping[str, float]) -> list[Json]:
    """Give the counted straits that any sea route of the supplier passes: ships of four weeks against a year before.

    Args:
        transits: newest versions of dataset `transits`.
        shares: strait -> share of a mineral's tonnes that pass it, where that is known.

    Returns:
        One entry per strait: partners (how many countries it lies on the way to), share, the mean of ships a day in the
        last four counted weeks, that of the same weeks a year before, their ratio, and the newest day. Those that most
        of the mineral passes come first.
    """
    names = load_straits().set_index("id")["name"]
    passed: dict[str, int] = {}
    for pair, route in load_routes().of_pair.items():
        for strait in route if supplier in pair else ():
            passed[strait] = passed.get(strait, 0) + 1
    found = []
    total = transits[transits["ship_type"].eq("total")]
    for strait, own in total.groupby("strait"):
        if strait not in passed:
            continue
        newest = own["starts_on"].max()
        now, before = (_mean_calls(own, newest - pd.Timedelta(weeks=back)) for back in (0, 52))
        found.append(
            {
                "strait": str(strait),
                "name": str(names[strait]),
                "partners": passed[str(strait)],
                "share": shares.get(str(strait)),
                "calls_a_day": now,
                "a_year_before": before,
                "ratio": now / before if now is not None and before else None,
                "until": _day(newest),
            }
        )
    return sorted(found, key=lambda each: (-(each["share"] or 0.0), -each["partners"]))


def _mean_calls(own: pd.DataFrame, newest: pd.Timestamp) -> float | None:
    within = own[own["starts_on"].le(newest) & own["starts_on"].gt(newest - pd.Timedelta(weeks=WEEKS))]
    return float(within["calls"].mean()) if len(within) else None


def _day(moment: Any) -> str | None:
    return None if pd.isna(moment) else moment.date().isoformat()
