"""Production as one publisher tells it: which publisher speaks for a mineral, and what its record says.

Publishers count differently (lithium as metal or as oxide, ore or what is in it), so every ratio is
taken within one publisher's record. Two choices are made per mineral, from what is known:

- *now*, for shares and concentration: the publisher with the freshest year; of those the one
  with the most years; then by name.
- *record*, for changes over time: the same among publishers with at least `RECORD_YEARS` years of
  the mineral; where none has as many, the one with the most, then the freshest.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

__all__ = ["MAX_LOG", "RECORD_YEARS", "describe", "publishers", "quantities"]

MAX_LOG = 4.0
RECORD_YEARS = 4
YEARS_BACK = 6
# The publisher whose newest year is an estimate, beside its own revised figure of the year before.
ESTIMATES_FROM = "usgs_mcs"
# A producer without a figure in the last year is still one if a figure this many years older says so.
UNKNOWN_FOR_YEARS = 2
PAIR = ["mineral", "supplier"]
KEY = ["mineral", "source"]


def publishers(known: pd.DataFrame) -> pd.DataFrame:
    """List each publisher's record per mineral: mineral, source, last (its newest year), years (how many)."""
    table = known.groupby(["mineral", "source"])["year"].agg(last="max", years="nunique")
    return table.reset_index()


def _choose(records: pd.DataFrame, order: list[str], ascending: list[bool]) -> pd.DataFrame:
    rows = records.sort_values(["mineral", *order, "source"], ascending=[True, *ascending, True])
    return rows.drop_duplicates("mineral")


def choose_now(records: pd.DataFrame) -> pd.DataFrame:
    """Give the publisher that speaks for each mineral's newest year; one row per mineral."""
    return _choose(records, ["last", "years"], [False, False])


def choose_record(records: pd.DataFrame) -> pd.DataFrame:
    """Give the publisher whose record speaks for each mineral's changes; one row per mineral."""
    ranked = records.assign(is_long=records["years"].ge(RECORD_YEARS))
    ranked = ranked.assign(rank_last=ranked["last"].where(ranked["is_long"], 0))
    return _choose(ranked, ["is_long", "rank_last", "years", "last"], [False, False, False, False])


def quantities(known: pd.DataFrame, chosen: pd.DataFrame) -> np.ndarray:
    """Arrange the chosen publishers' figures by how far back they are.

    Args:
        known: the newest version of each fact of the last `YEARS_BACK` years of its record, with `last`, the record's
            newest year, and `pair`, the number of its pair from 0 on.
        chosen: mineral, source; at most one row per mineral.

    Returns:
        Tonnes, shape (n_pairs, `YEARS_BACK`): column 0 is the mineral's newest year with that publisher, column 1
        the year before. Missing where the publisher gives no figure; that is not zero.
    """
    speaks = pd.MultiIndex.from_frame(known[["mineral", "source"]]).isin(pd.MultiIndex.from_frame(chosen))
    rows = known[speaks]
    table = np.full((int(known["pair"].max()) + 1, YEARS_BACK), np.nan)
    table[rows["pair"], (rows["last"] - rows["year"]).to_numpy(dtype="int64")] = rows["quantity_tonnes"]
    return table


def log_ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Give ln(above / below), cut to ±`MAX_LOG`; missing where nothing stands below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.log(above / np.where(below > 0, below, np.nan)), -MAX_LOG, MAX_LOG)


def _changes(tonnes: np.ndarray) -> dict[str, np.ndarray]:
    before = tonnes[:, 1:4]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all-missing rows give missing, as they should
        # Two of the three years are enough: a single gap at the publisher's would else hide a fall.
        mean = np.where((~np.isnan(before)).sum(axis=1) >= 2, np.nanmean(before, axis=1), np.nan)
        worst = np.nanmin(log_ratio(tonnes[:, :-1], tonnes[:, 1:]), axis=1)
    return {
        "production_growth_1y": log_ratio(tonnes[:, 0], tonnes[:, 1]),
        "production_level_vs_3y": log_ratio(tonnes[:, 0], mean),
        "production_worst_change_5y": worst,
    }


def _is_producer(known: pd.DataFrame, n_pairs: int) -> np.ndarray:
    """Tell which pairs produce, after any publisher whose newest figure of the pair is hardly older than its others."""
    rows = known[known["year"] >= known["last"] - UNKNOWN_FOR_YEARS].sort_values("year", kind="stable")
    rows = rows.drop_duplicates(["source", "pair"], keep="last")
    produces = np.zeros(n_pairs, dtype=bool)
    produces[rows.loc[rows["quantity_tonnes"].gt(0), "pair"]] = True
    return produces


def describe(known: pd.DataFrame) -> pd.DataFrame:
    """Compute what the family says from the newest version of each fact known.

    Returns:
        One row per pair with a figure in the last `YEARS_BACK` years of any publisher's record:
        mineral, supplier, the pair's columns of the family, production_hhi_own and production_last_year (of the
        mineral). The share is missing where the speaking publisher has no figure of a pair that produces after others.
    """
    records = publishers(known)
    known = known.merge(records[["mineral", "source", "last"]], on=["mineral", "source"])
    known = known[known["year"] > known["last"] - YEARS_BACK]
    pairs = known[PAIR].drop_duplicates().sort_values(PAIR, ignore_index=True)
    numbers = pd.MultiIndex.from_frame(pairs).get_indexer(pd.MultiIndex.from_frame(known[PAIR]))
    known = known.assign(pair=numbers)
    now = choose_now(records)
    produces = _is_producer(known, len(pairs))
    listed = quantities(known, now[KEY])[:, 0]
    tonnes = np.where(np.isnan(listed) & ~produces, 0.0, listed)
    by_mineral = pairs["mineral"].to_numpy()
    world = pd.Series(tonnes).groupby(by_mineral).transform("sum").to_numpy()
    share = pd.Series(tonnes / np.where(world > 0, world, np.nan))
    estimates = quantities(known, records.loc[records["source"].eq(ESTIMATES_FROM), KEY])
    columns = {
        "production_share": share,
        "production_is_producer": produces.astype("float64"),
        "production_estimate_change": log_ratio(estimates[:, 0], estimates[:, 1]),
        "production_hhi_own": (share**2).groupby(by_mineral).transform("sum", min_count=1),
        "production_last_year": pairs["mineral"].map(now.set_index("mineral")["last"]).astype("float64"),
        **_changes(quantities(known, choose_record(records)[KEY])),
    }
    return pairs.assign(**columns)
