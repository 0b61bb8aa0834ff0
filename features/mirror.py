"""Customs offices' own figures arranged for comparison: one product, the same months, several years.

A fact of `mirror_trade` is a month, or a year to date, of one product code of four to eleven
digits. Here facts become *cumulations*: January to month L of a year, per reporter, pair and
product. A supplier's cumulation is compared with the same months of the years before, so
that seasons and short years don't look like falls.

Several moments of knowledge are worked on side by side: every table has a column
`moment`, and no row of one moment meets a row of another.

A code finer than HS6 counts for the mineral of its first six digits, a coarser one (a heading) for
every mineral with a code in it. Where a reporter has both for a mineral, the finer ones count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.exports import buyer_shares, snapshot_moments

__all__ = ["BACK", "codes_of_minerals", "coverage", "cumulations", "known_at_moments", "with_minerals"]

PAIR = ["mineral", "supplier"]
OFFICE = ["moment", "reporter"]
PRODUCT = [*OFFICE, "importer", "supplier", "hs_code", "basis"]
KEY = ["source", "reported_by", "importer", "supplier", "hs_code", "basis", "first_month", "last_month"]
# A year and the three it is compared with.
BACK = (0, 1, 2, 3)
# How many rows of facts are worked on at a time: bounds the memory, not the result.
CHUNK_ROWS = 1_000_000


def codes_of_minerals(catalog: Catalog, hs_codes: pd.Series) -> pd.DataFrame:
    """Tell which minerals each product code counts for.

    Args:
        hs_codes: codes of two to eleven digits.

    Returns:
        hs_code, mineral, is_heading (coarser than six digits); codes of no mineral are left out.
    """
    pairs = [
        (code, mineral, len(code) < 6)
        for code in sorted(set(hs_codes))
        for mineral in catalog.minerals_of_product(code)
    ]
    types = {"hs_code": "str", "mineral": "str", "is_heading": "bool"}
    return pd.DataFrame(pairs, columns=list(types)).astype(types)


def with_minerals(rows: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """Give each row once per mineral it counts for; a heading only where its reporter has no finer code.

    Args:
        rows: `PRODUCT` and figures.
        codes: what `codes_of_minerals` gave.
    """
    rows = rows.merge(codes, on="hs_code", how="inner")
    finest = rows.groupby([*OFFICE, "mineral"])["is_heading"].transform("min")
    return rows[rows["is_heading"].eq(finest)]


def known_at_moments(table: pd.DataFrame, reported_by: str) -> Iterator[pd.DataFrame]:
    """Give, in chunks of moments, the newest version of each fact known at each moment at which one became known.

    Args:
        table: every known version of `mirror_trade`.
        reported_by: whose declarations to take, "importer" or "supplier".

    Yields:
        `moment`, `newest` (the newest year with a month out), `reporter`, the key of the fact, `year`, `first` and
        `last` (months 1 to 12), `value` in US dollars and `tonnes`; of `newest` and the four years before it.
    """
    facts = _prepared(table, reported_by)
    moments = facts["available_at"].drop_duplicates()
    newest = facts["year"].cummax().groupby(facts["available_at"]).max()
    parts: list[pd.DataFrame] = []
    for moment in moments:
        year = int(newest[moment])
        known = facts[: facts["available_at"].searchsorted(moment, side="right")]
        known = known[known["year"].to_numpy() >= year - len(BACK)]
        parts.append(known.assign(moment=moment, newest=year))
        if sum(map(len, parts)) > CHUNK_ROWS:
            yield _newest_versions(parts)
            parts = []
    if parts:
        yield _newest_versions(parts)


def _prepared(table: pd.DataFrame, reported_by: str) -> pd.DataFrame:
    rows = table[table["reported_by"].eq(reported_by)]
    first, last = rows["first_month"].dt, rows["last_month"].dt
    rows = rows.assign(
        year=first.year,
        first=first.month,
        last=last.month,
        reporter=rows["importer"] if reported_by == "importer" else rows["supplier"],
        value=rows["value_usd"],
        tonnes=rows["quantity_tonnes"],
    )
    rows = rows[first.year.eq(last.year)]
    return rows.sort_values(["available_at", *KEY], ignore_index=True, kind="stable")


def _newest_versions(parts: list[pd.DataFrame]) -> pd.DataFrame:
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.drop_duplicates(["moment", *KEY], keep="last")
    return rows[~rows["is_retracted"]]


def cumulations(known: pd.DataFrame, years_before: int) -> pd.DataFrame:
    """Cumulate the year that lies `years_before` the newest, and the same months of the three years before it.

    Args:
        known: one chunk of `known_at_moments`.

    Returns:
        `PRODUCT`, `newest`, `months` (how many of the year are out, 1 to 12), and for value and weight the same
        months of the year (`value_0`, `tonnes_0`) and of one, two and three years before (`value_1` ...). Missing
        where the reporter had not published those months; zero where it had and counted nothing.
    """
    rows = known.assign(back=known["newest"] - years_before - known["year"])
    rows = rows[rows["back"].isin(BACK)]
    totals = _year_to_date(rows)
    chosen = _one_source_each(totals)
    keys = [*PRODUCT, "newest", "months"]
    wide = chosen.pivot_table(index=keys, columns="back", values=["value", "tonnes"], aggfunc="first")
    columns = {
        f"{what}_{back}": wide[what, back] if (what, back) in wide.columns else pd.Series(np.nan, index=wide.index)
        for what in ("value", "tonnes")
        for back in BACK
    }
    rows = pd.DataFrame(columns, index=wide.index).reset_index()
    said = chosen.assign(said=1).pivot_table(index=keys, columns="back", values="said", aggfunc="first")
    said = said.reindex(index=wide.index, columns=list(BACK)).notna().to_numpy()
    return _silence_is_zero(rows, chosen, said)


def _year_to_date(facts: pd.DataFrame) -> pd.DataFrame:
    # Facts that begin in January are cumulations already; single months are summed up to each month that
    # follows January without a gap. A reporter that has published a month counted nothing where it has no row.
    key = [*PRODUCT, "source", "newest", "back"]
    given = facts[facts["first"].eq(1)].rename(columns={"last": "months"})
    given = given[[*key, "months", "value", "tonnes"]]
    monthly = facts[facts["first"].eq(facts["last"])]
    if not monthly["last"].gt(1).any():
        return given
    office = [*OFFICE, "source", "back"]
    published = monthly[[*office, "last"]].drop_duplicates().sort_values([*office, "last"])
    published = published[published.groupby(office).cumcount().add(1).eq(published["last"])]
    cells = monthly[key].drop_duplicates().merge(published, on=office)
    cells = cells.merge(monthly[[*key, "last", "value", "tonnes"]], on=[*key, "last"], how="left", indicator=True)
    silent = cells["_merge"].eq("left_only")
    cells = cells.assign(value=cells["value"].mask(silent, 0.0), tonnes=cells["tonnes"].mask(silent, 0.0))
    cells = cells.sort_values([*key, "last"], ignore_index=True)
    # A figure that was withheld is unknown, and so is every sum with it.
    figures = cells[["value", "tonnes"]]
    is_unknown = figures.isna().groupby([cells[name] for name in key]).cummax()
    sums = figures.groupby([cells[name] for name in key]).cumsum().mask(is_unknown)
    summed = cells[key].assign(months=cells["last"], value=sums["value"], tonnes=sums["tonnes"])
    both = pd.concat([given, summed[summed["months"].gt(1)]], ignore_index=True)
    return both.drop_duplicates([*key, "months"])


def _one_source_each(totals: pd.DataFrame) -> pd.DataFrame:
    # Of several publishers of one customs office, the one that compares with most years, then the freshest.
    of_source = [*OFFICE, "source"]
    reached = totals[totals["back"].eq(0)].groupby(of_source)["months"].max().rename("reached").reset_index()
    totals = totals.merge(reached, on=of_source)
    totals = totals[totals["months"].eq(totals["reached"])]
    if totals["source"].nunique() < 2:
        return totals
    depth = totals.groupby(of_source)["back"].nunique().rename("depth").reset_index()
    rank = reached.merge(depth, on=of_source).sort_values(
        [*OFFICE, "depth", "reached", "source"], ascending=[True, True, False, False, True]
    )
    return totals.merge(rank.drop_duplicates(OFFICE)[of_source], on=of_source)


def _silence_is_zero(rows: pd.DataFrame, chosen: pd.DataFrame, said: np.ndarray) -> pd.DataFrame:
    # A reporter that published these months of a product had no trade where it has no row (`said`, shape (n_rows,
    # n_years), tells where it has one); a product it says nothing about in a year may not have been asked for then.
    # Weights stay missing for products it doesn't weigh, and for those it weighs
    # in more than one way, which can't be compared.
    good = [*OFFICE, "hs_code"]
    seen = chosen[[*good, "back"]].drop_duplicates().assign(seen=True)
    seen = seen.pivot_table(index=good, columns="back", values="seen", aggfunc="first").reindex(columns=list(BACK))
    is_silent = seen.reindex(pd.MultiIndex.from_frame(rows[good])).notna().to_numpy() & ~said
    is_weighed = rows["basis"].ne("none").to_numpy()
    weighed = rows[is_weighed].groupby([*OFFICE, "hs_code"])["basis"].nunique()
    ways = weighed.reindex(pd.MultiIndex.from_frame(rows[[*OFFICE, "hs_code"]])).to_numpy()
    values, weights = ([f"{what}_{back}" for back in BACK] for what in ("value", "tonnes"))
    value, weight = rows[values].to_numpy(), rows[weights].to_numpy()
    value = np.where(is_silent, 0.0, value)
    weight = np.where(is_silent & is_weighed[:, None], 0.0, weight)
    weight = np.where((ways > 1)[:, None], np.nan, weight)
    return rows.assign(
        **{name: value[:, at] for at, name in enumerate(values)},
        **{name: weight[:, at] for at, name in enumerate(weights)},
    )


def coverage(table: pd.DataFrame, trade: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give what share of each supplier's exports went to the buyers that report it, in the last known trade year.

    Args:
        table: every known version of `mirror_trade`.
        trade: every known version of `trade`.

    Returns:
        mineral, supplier, available_at, mirror_coverage (0..1, missing while no trade year is known): at each
        moment at which a trade year became known or a buyer first reported a pair; sorted.
    """
    columns = ["mineral", "supplier", "available_at", "mirror_coverage"]
    facts = table[table["reported_by"].eq("importer")]
    codes = codes_of_minerals(catalog, facts["hs_code"])
    firsts = facts.groupby(["hs_code", "supplier", "importer"])["available_at"].min().rename("seen_at").reset_index()
    seen = firsts.merge(codes, on="hs_code").groupby([*PAIR, "importer"], as_index=False)["seen_at"].min()
    if seen.empty:
        return pd.DataFrame(columns=columns)
    shares = buyer_shares(trade, catalog, sorted(set(seen["importer"])))
    joined = shares.merge(seen, on=[*PAIR, "importer"])
    moments = sorted({*snapshot_moments(shares), *(pd.Timestamp(moment) for moment in seen["seen_at"].unique())})
    parts = []
    for moment in moments:
        pairs = seen.loc[seen["seen_at"] <= moment, PAIR].drop_duplicates()
        newest = shares.loc[shares["available_at"] <= moment, "year"].max()
        known = joined[(joined["available_at"] <= moment) & (joined["seen_at"] <= moment) & joined["year"].eq(newest)]
        snapshot = known[known["available_at"].eq(known["available_at"].max())]
        total = snapshot.groupby(PAIR, as_index=False)["frac"].sum().rename(columns={"frac": "mirror_coverage"})
        covered = pairs.merge(total, how="left").assign(available_at=moment)
        parts.append(covered if pd.isna(newest) else covered.fillna({"mirror_coverage": 0.0}))
    frame = pd.concat(parts, ignore_index=True).astype({"available_at": "datetime64[us, UTC]"})
    return frame[columns].sort_values(columns[:3], ignore_index=True)
