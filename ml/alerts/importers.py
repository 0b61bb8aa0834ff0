"""What a warning could mean for an importer: which share of its own imports of the mineral came from that supplier."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.flows import Flows, sums

__all__ = ["Share", "Shares", "importer_shares"]


@dataclass(frozen=True, slots=True)
class Share:
    """A share (0..1, by tonnes) of an importer's imports of a mineral in a year, all of these, and since when known."""

    frac: float
    tonnes: float
    year: int
    known_at: dt.datetime


@dataclass(frozen=True)
class Shares:
    """Shares by importer, mineral and supplier; see `of` for what is not there."""

    known: Mapping[tuple[str, str, str], Share] = field(default_factory=dict)
    # Importer and mineral -> the year in which it bought the mineral from anybody.
    bought: Mapping[tuple[str, str], Share] = field(default_factory=dict)

    def of(self, importer: str, mineral: str, supplier: str) -> Share | None:
        """Give a share: zero where the importer bought the mineral from others only, None where nothing is known."""
        found = self.known.get((importer, mineral, supplier))
        if found is not None:
            return found
        other = self.bought.get((importer, mineral))
        return None if other is None else Share(0.0, other.tonnes, other.year, other.known_at)


def importer_shares(trade: pd.DataFrame, catalog: Catalog, importers: Iterable[str]) -> Shares:
    """Compute the shares of the newest year.

    Args:
        trade: the newest version of each fact of the `trade` dataset as known at the date.
        importers: whose imports to look at.
    """
    wanted = sorted(set(importers))
    if trade.empty or not wanted:
        return Shares()
    year = int(trade["year"].max())
    newest = trade[trade["year"].eq(year)]
    flows = Flows.of(newest, catalog)
    if not len(flows):
        return Shares()
    # One row per mineral, supplier and importer: revisions are further snapshots, of which the last counts.
    last = flows.snapshot == flows.snapshot.max()
    key = flows.mineral * len(flows.countries) + flows.importer
    total = sums(key[last], flows.tonnes[last], len(flows.minerals) * len(flows.countries))
    is_wanted = last & np.isin(flows.countries, wanted)[flows.importer] & (total[key] > 0)
    rows = flows.named(np.flatnonzero(is_wanted), ["importer", "mineral", "supplier"])
    bought_tonnes = total[key[is_wanted]]
    frac = flows.tonnes[is_wanted] / bought_tonnes
    known_at = newest["available_at"].max().to_pydatetime()
    known, bought = {}, {}
    triples = rows[["importer", "mineral", "supplier"]].itertuples(index=False, name=None)
    for (importer, mineral, supplier), share, tonnes in zip(triples, frac, bought_tonnes, strict=True):
        known[importer, mineral, supplier] = Share(float(share), float(tonnes), year, known_at)
        bought[importer, mineral] = Share(1.0, float(tonnes), year, known_at)
    return Shares(known, bought)
