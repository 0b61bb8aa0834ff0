"""`supply_drop` over 13, 26 and 52 weeks, where a supplier's months are known.

The tonnes of the months that lie wholly inside the window are below 70 % (50 %) of the mean of the same calendar
months of the three years before. Months come from the supplier's own customs declarations, or from monthly
production where that is all there is. A window is resolved when its last month is known, even if the outcome
was plain earlier; a month that its office published without a row is zero.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT
from features.mirror import codes_of_minerals

__all__ = ["WINDOW_WEEKS", "monthly_supply", "state_at", "window_labels"]

WINDOW_WEEKS = (13, 26, 52)
PAIR = ["mineral", "supplier"]
REFERENCE_YEARS = 3
# So many of the last months known tell whether a pair is in a drop already.
STATE_MONTHS = 6


def monthly_supply(mirror: pd.DataFrame, production: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give each pair's monthly tonnes on first release.

    Args:
        mirror: every known version of `mirror_trade`; single months declared by the supplier are taken.
        production: every known version of `production_monthly`; taken for pairs without declarations.

    Returns:
        mineral, supplier, month (a month number: year * 12 + month - 1), tonnes, available_at, basis ("exports" or
        "production"); months from the first to the last published one, sorted.
    """
    own = mirror[mirror["reported_by"].eq("supplier") & mirror["first_month"].eq(mirror["last_month"])]
    own = own[own["basis"].eq("gross") & ~own["is_retracted"]]
    codes = codes_of_minerals(catalog, own["hs_code"])
    codes = codes[~codes["is_heading"]]
    own = own.sort_values("available_at").drop_duplicates(
        ["source", "importer", "supplier", "hs_code", "first_month"], keep="first"
    )
    exports = _filled(own.merge(codes, on="hs_code"), "first_month").assign(basis="exports")
    mined = production[~production["is_retracted"]].sort_values("available_at")
    mined = mined.drop_duplicates(["source", *PAIR, "month"], keep="first")
    mined = _filled(mined.rename(columns={"month": "first_month"}), "first_month").assign(basis="production")
    known = pd.MultiIndex.from_frame(exports[PAIR].drop_duplicates())
    mined = mined[~pd.MultiIndex.from_frame(mined[PAIR]).isin(known)]
    return pd.concat([exports, mined], ignore_index=True).sort_values([*PAIR, "month"], ignore_index=True)


def _filled(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    # One row per pair and month that the office published; a month without a row of the pair is zero.
    month = rows[column].dt.year * 12 + rows[column].dt.month - 1
    rows = rows.assign(month=month.astype("int64"), office=rows["source"] + "|" + rows["supplier"])
    published = rows.groupby(["office", "month"], as_index=False)["available_at"].max()
    sums = rows.groupby(["office", *PAIR, "month"], as_index=False)["quantity_tonnes"].sum(min_count=1)
    first = sums.groupby(["office", *PAIR], as_index=False)["month"].min().rename(columns={"month": "begins"})
    grid = first.merge(published, on="office")
    grid = grid[grid["month"] >= grid["begins"]]
    full = grid.merge(sums, on=["office", *PAIR, "month"], how="left").fillna({"quantity_tonnes": 0.0})
    full = full.rename(columns={"quantity_tonnes": "tonnes"})
    return full[[*PAIR, "month", "tonnes", "available_at"]].astype({"available_at": MOMENT})


def window_labels(supply: pd.DataFrame, as_ofs: Iterable[pd.Timestamp]) -> pd.DataFrame:
    """Resolve every pair and window from each of `as_ofs`.

    Args:
        supply: what `monthly_supply` gave.

    Returns:
        mineral, supplier, as_of, weeks, window_start, window_end, ratio (to the mean of the same months of three years
        before), resolved_at; only windows all of whose months, and of the years before, are known by now.
    """
    parts = []
    for (mineral, supplier), own in supply.groupby(PAIR):
        tonnes = own.set_index("month")["tonnes"]
        known = own.set_index("month")["available_at"]
        for as_of in as_ofs:
            for weeks in WINDOW_WEEKS:
                end = as_of + pd.Timedelta(weeks=weeks)
                months = _months_inside(as_of, end)
                wanted = [month - 12 * back for back in range(REFERENCE_YEARS + 1) for month in months]
                if not months or not set(wanted) <= set(tonnes.index):
                    continue
                normal = sum(tonnes[[m - 12 * back for m in months]].sum() for back in range(1, REFERENCE_YEARS + 1))
                normal /= REFERENCE_YEARS
                ratio = tonnes[months].sum() / normal if normal > 0 else np.nan
                resolved = known[wanted].max()
                parts.append((mineral, supplier, as_of, weeks, as_of, end, ratio, resolved))
    columns = [*PAIR, "as_of", "weeks", "window_start", "window_end", "ratio", "resolved_at"]
    rows = pd.DataFrame(parts, columns=columns).dropna(subset=["ratio"])
    return rows.astype(dict.fromkeys(("as_of", "window_start", "window_end", "resolved_at"), MOMENT))


def state_at(supply: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Give each pair's last months known at `as_of` over the same months of three years before.

    Returns:
        mineral, supplier, state (a ratio like the label's; missing where it can't be told).
    """
    known = supply[supply["available_at"] <= as_of]
    rows = []
    for (mineral, supplier), own in known.groupby(PAIR):
        tonnes = own.set_index("month")["tonnes"]
        last = int(tonnes.index.max())
        months = list(range(last - STATE_MONTHS + 1, last + 1))
        wanted = [month - 12 * back for back in range(REFERENCE_YEARS + 1) for month in months]
        ratio = np.nan
        if set(wanted) <= set(tonnes.index):
            normal = tonnes[[m for m in wanted if m not in months]].sum() / REFERENCE_YEARS
            ratio = tonnes[months].sum() / normal if normal > 0 else np.nan
        rows.append((mineral, supplier, ratio))
    return pd.DataFrame(rows, columns=[*PAIR, "state"])


def _months_inside(start: pd.Timestamp, end: pd.Timestamp) -> list[int]:
    # Months that begin and end inside the window.
    first = start.year * 12 + start.month - 1 + (0 if start.day == 1 and start.normalize() == start else 1)
    return list(range(first, end.year * 12 + end.month - 1))
