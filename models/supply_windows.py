"""`supply_drop` over 13, 26 and 52 weeks, where a supplier's months are known.

The tonnes of the months that lie wholly inside the window are below 70 % (50 %) of the mean of the same calendar
months of the three years before. Months come from the supplier's own customs declarations; monthly
production is a series of its own beside them. A window is resolved when its last month is known, even if the outcome
was plain earlier; a month that its office published without a row is zero.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.mirror import codes_of_minerals
from features.signals.price_history import month_number

__all__ = ["WINDOW_WEEKS", "monthly_supply", "state_at", "window_labels"]

WINDOW_WEEKS = (13, 26, 52)
PAIR = ["mineral", "supplier"]
# A pair's exports and its production are different series, and are never joined into one.
SERIES = [*PAIR, "basis"]
REFERENCE_YEARS = 3
# So many of the last months known tell whether a pair is in a drop already.
STATE_MONTHS = 6


def monthly_supply(mirror: pd.DataFrame, production: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give each pair's monthly tonnes on first release.

    Args:
        mirror: every known version of `mirror_trade`; single months declared by the supplier are taken.
        production: every known version of `production_monthly`; a series of its own beside declared exports.

    Returns:
        mineral, supplier, basis ("exports" or "production"), month (a month number: year * 12 + month - 1), tonnes
        (missing where a part was withheld), available_at; months from a pair's first published one on, sorted. Only
        what an office said when it first published a month counts; of several publishers the one that began first.
    """
    own = mirror[mirror["reported_by"].eq("supplier") & mirror["first_month"].eq(mirror["last_month"])]
    own = own[own["basis"].eq("gross") & ~own["is_retracted"]]
    codes = codes_of_minerals(catalog, own["hs_code"])
    exports = _filled(_first_said(own, "first_month"), codes[~codes["is_heading"]]).assign(basis="exports")
    mined = _first_said(production[~production["is_retracted"]], "month")
    mined = _filled(mined, None).assign(basis="production")
    both = pd.concat([exports, mined], ignore_index=True)
    return both[[*SERIES, "month", "tonnes", "available_at"]].sort_values([*SERIES, "month"], ignore_index=True)


def _first_said(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    # What the publisher that began first said when it first published a month of a supplier.
    rows = rows.assign(month=month_number(rows[column]))
    begun = rows.groupby(["supplier", "source"], as_index=False)["available_at"].min()
    first = begun.sort_values(["supplier", "available_at", "source"]).drop_duplicates("supplier")
    rows = rows.merge(first[["supplier", "source"]], on=["supplier", "source"])
    published = rows.groupby(["supplier", "month"])["available_at"].transform("min")
    return rows[rows["available_at"].eq(published)]


def _filled(rows: pd.DataFrame, codes: pd.DataFrame | None) -> pd.DataFrame:
    # One row per pair and month that the office published: a month without a row of the pair is zero, one of which a
    # part was withheld is unknown.
    published = rows.groupby(["supplier", "month"], as_index=False)["available_at"].min()
    if codes is not None:
        # Floating sums depend on the order of their terms: minerals that share a code must get the same.
        rows = rows.merge(codes, on="hs_code").sort_values(["hs_code", "importer"], kind="stable")
    sums = rows.groupby([*PAIR, "month"], as_index=False)["quantity_tonnes"].agg(lambda part: part.sum(skipna=False))
    begins = sums.groupby(PAIR, as_index=False)["month"].min().rename(columns={"month": "begins"})
    grid = begins.merge(published, on="supplier")
    grid = grid[grid["month"] >= grid["begins"]]
    full = grid.merge(sums, on=[*PAIR, "month"], how="left", indicator=True)
    tonnes = full["quantity_tonnes"].astype("float64").mask(full["_merge"].eq("left_only"), 0.0)
    return full.assign(tonnes=tonnes)[[*PAIR, "month", "tonnes", "available_at"]].astype({"available_at": MOMENT})


def window_labels(supply: pd.DataFrame, as_ofs: Iterable[pd.Timestamp]) -> pd.DataFrame:
    """Resolve every pair and window from each of `as_ofs`.

    Args:
        supply: what `monthly_supply` gave.

    Returns:
        mineral, supplier, basis, as_of, weeks, window_start, window_end, ratio (to the mean of the same months of three
        years before), resolved_at; only windows all of whose months, and of the years before, are known by now.
    """
    parts = []
    for (mineral, supplier, basis), own in supply.groupby(SERIES):
        tonnes = own.set_index("month")["tonnes"]
        known = own.set_index("month")["available_at"]
        for as_of in as_ofs:
            for weeks in WINDOW_WEEKS:
                end = as_of + pd.Timedelta(weeks=weeks)
                months = _months_inside(as_of, end)
                wanted = [month - 12 * back for back in range(REFERENCE_YEARS + 1) for month in months]
                if not months or not set(wanted) <= set(tonnes.index):
                    continue
                normal = sum(
                    tonnes[[m - 12 * back for m in months]].sum(skipna=False) for back in range(1, REFERENCE_YEARS + 1)
                )
                normal /= REFERENCE_YEARS
                ratio = tonnes[months].sum(skipna=False) / normal if normal > 0 else np.nan
                resolved = known[wanted].max()
                parts.append((mineral, supplier, basis, as_of, weeks, as_of, end, ratio, resolved))
    columns = [*SERIES, "as_of", "weeks", "window_start", "window_end", "ratio", "resolved_at"]
    rows = pd.DataFrame(parts, columns=columns).dropna(subset=["ratio"])
    return rows.astype(dict.fromkeys(("as_of", "window_start", "window_end", "resolved_at"), MOMENT))


def state_at(supply: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give each pair's last months known at `as_of` over the same months of three years before.

    Returns:
        mineral, supplier, basis, state (a ratio like the label's; missing where it can't be told).
    """
    known = supply[supply["available_at"] <= as_of]
    rows = []
    for (mineral, supplier, basis), own in known.groupby(SERIES):
        tonnes = own.set_index("month")["tonnes"]
        last = int(tonnes.index.max())
        months = list(range(last - STATE_MONTHS + 1, last + 1))
        wanted = [month - 12 * back for back in range(REFERENCE_YEARS + 1) for month in months]
        ratio = np.nan
        if set(wanted) <= set(tonnes.index):
            normal = tonnes[[m for m in wanted if m not in months]].sum(skipna=False) / REFERENCE_YEARS
            ratio = tonnes[months].sum(skipna=False) / normal if normal > 0 else np.nan
        rows.append((mineral, supplier, basis, ratio))
    return pd.DataFrame(rows, columns=[*SERIES, "state"])


def _months_inside(start: pd.Timestamp, end: pd.Timestamp) -> list[int]:
    # Months that begin and end inside the window.
    first = start.year * 12 + start.month - 1 + (0 if start.day == 1 and start.normalize() == start else 1)
    return list(range(first, end.year * 12 + end.month - 1))
