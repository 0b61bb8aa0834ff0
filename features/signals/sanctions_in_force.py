"""Part of the signal `geopolitics`: sanctions on a supplier, and programmes that the supplier itself imposes.

What counts is what stands on the lists as known at each moment: a delisted entry, a programme that ended and a
withdrawn row are taken away from then on. An entry is new from the day the list gives it; one without such a day from
the moment it was first seen, except where it stood in the first undated release of its list: a whole list seen for the
first time is no burst of listings.

Before any programme or list was seen, all of this is missing; after it, a supplier that none names has zero. Programmes
and lists of entries are apart, as the first may be known for decades before the first list is read; how many
lists that are stands beside. Entries that were delisted before a list was first read are unknown, whatever their day.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.datasets import MOMENT
from features.signals.declaration import Steps
from features.weeks import A_WEEK, weeks_until

__all__ = ["COUNTS", "LISTING_WEEKS", "of_suppliers"]

LISTING_WEEKS = (13, 52)
PROGRAMME_WEEKS = 52
COUNTS = ("entries", "metals", *(f"listed_{weeks}w" for weeks in LISTING_WEEKS), "programmes", "programmes_new")


def of_suppliers(sanctions: pd.DataFrame) -> list[Steps]:
    """Give the counts per supplier, the programmes it imposes, and without keys when lists last changed.

    Args:
        sanctions: every version of the dataset.
    """
    spells = _spells(sanctions)
    entries = spells[spells["country"].ne("") & spells["kind"].ne("programme")]
    parts = [_changes(entries, "entries"), _changes(entries[entries["is_metals"].astype("bool")], "metals")]
    for weeks in LISTING_WEEKS:
        dated = entries[entries["since"].notna()]
        parts.append(_changes(_until(dated, dated["since"] + weeks * A_WEEK), f"listed_{weeks}w"))
    is_programme = spells["kind"].eq("programme")
    programmes = spells[is_programme & spells["country"].ne("")]
    parts.append(_changes(programmes, "programmes"))
    new = programmes[programmes["since"].notna()]
    parts.append(_changes(_until(new, new["since"] + PROGRAMME_WEEKS * A_WEEK), "programmes_new"))
    imposed = spells[is_programme].assign(country=spells["imposed_by"])
    return [
        Steps(("supplier",), _counted(parts, COUNTS)),
        Steps(("supplier",), _newest_programme(programmes)),
        Steps(("supplier",), _counted([_changes(imposed, "imposed")], ["imposed"])),
        Steps((), _seen(sanctions)),
    ]


def _spells(sanctions: pd.DataFrame) -> pd.DataFrame:
    # One row per version that says an entry stands: from when until when it holds, and since when the entry is listed.
    key = ["source", "entry_id"]
    rows = sanctions.sort_values([*key, "available_at"], kind="stable", ignore_index=True)
    is_gone = rows["is_retracted"].astype("bool")
    is_first = ~rows.duplicated(key)
    stop = rows["available_at"].shift(-1).where(~is_first.shift(-1, fill_value=True))
    # An entry that returns after it was taken off is a new listing.
    begins = ~is_gone & (is_first | is_gone.shift(1, fill_value=False))
    stay = begins.cumsum()
    seen = rows["available_at"].where(begins).groupby(stay).transform("first")
    undated = rows["listed_at"].isna() & ~is_gone
    first_list = rows["available_at"].where(undated).groupby(rows["source"]).transform("min")
    since = rows["listed_at"].where(rows["listed_at"].notna(), seen.where(seen > first_list)).astype(MOMENT)
    rows = rows.assign(start=rows["available_at"], stop=stop.astype(MOMENT), since=since)
    return rows[~is_gone].reset_index(drop=True)


def _until(spells: pd.DataFrame, end: pd.Series) -> pd.DataFrame:
    # The part of each spell in which it is new.
    stop = pd.concat([spells["stop"], end.astype(MOMENT)], axis=1).min(axis=1).astype(MOMENT)
    start = pd.concat([spells["start"], spells["since"]], axis=1).max(axis=1).astype(MOMENT)
    cut = spells.assign(start=start, stop=stop)
    return cut[cut["stop"] > cut["start"]]


def _changes(spells: pd.DataFrame, column: str) -> pd.DataFrame:
    ends = spells[spells["stop"].notna()]
    return pd.DataFrame(
        {
            "supplier": pd.concat([spells["country"], ends["country"]], ignore_index=True),
            "available_at": pd.concat([spells["start"], ends["stop"]], ignore_index=True).astype(MOMENT),
            "column": column,
            "change": np.repeat([1.0, -1.0], [len(spells), len(ends)]),
        }
    )


def _newest_programme(programmes: pd.DataFrame) -> pd.DataFrame:
    # The week of the newest programme in force whose day is known.
    found = []
    for supplier, rows in programmes[programmes["since"].notna()].groupby("country", sort=True):
        for moment in sorted({*rows["start"], *rows["stop"].dropna()}):
            stands = rows[(rows["start"] <= moment) & ~(rows["stop"] <= moment)]
            found.append((supplier, moment, weeks_until(stands["since"].max())))
    frame = pd.DataFrame(found, columns=["supplier", "available_at", "geopolitics_programme_week"])
    return frame.astype({"supplier": "str", "available_at": MOMENT, "geopolitics_programme_week": "float64"})


def _counted(parts: list[pd.DataFrame], columns: list[str] | tuple[str, ...]) -> pd.DataFrame:
    rows = pd.concat(parts, ignore_index=True)
    names = [f"geopolitics_sanctions_{column}" for column in columns]
    if rows.empty:
        return pd.DataFrame(
            {"supplier": pd.Series(dtype="str"), "available_at": pd.Series(dtype=MOMENT)}
            | {name: pd.Series(dtype="float64") for name in names}
        )
    total = rows.pivot_table(
        index=["supplier", "available_at"], columns="column", values="change", aggfunc="sum", fill_value=0.0
    )
    running = total.reindex(columns=list(columns), fill_value=0.0).groupby(level="supplier").cumsum()
    frame = running.set_axis(names, axis=1).reset_index()
    return frame.astype({"available_at": MOMENT, "supplier": "str"})


def _seen(sanctions: pd.DataFrame) -> pd.DataFrame:
    # When anything last changed, and of how many sources a programme, and an entry, had been seen.
    moments = pd.Series(sorted(sanctions["available_at"].unique()), dtype=MOMENT)
    columns = {"geopolitics_sanctions_week": weeks_until(moments).astype("float64")}
    is_programme = sanctions["kind"].eq("programme")
    for name, rows in (("lists", sanctions[~is_programme]), ("tables", sanctions[is_programme])):
        first = rows.groupby("source")["available_at"].min().sort_values()
        columns[f"geopolitics_sanctions_{name}"] = first.searchsorted(moments, side="right").astype("float64")
    return pd.DataFrame({"available_at": moments, **columns})
