"""The event `production_drop`: a supplier's output of a mineral is below 70 % of the mean of three years.

It is measured in one publisher's record (the British Geological Survey's, which reaches back to
1971), beside `supply_drop`, which is measured in trade: mines can fall while stocks are sold,
and exports can stop while mines run. A year without a figure is unknown, so a label needs the year and all
three before it. A label is resolved at the first moment at which the four figures are known, with
the figures known then (first release); nothing is void.
"""

from __future__ import annotations

__all__ = ["DROP_RATIO", "PUBLISHER", "attach_production_labels", "known_state", "production_labels"]

import pandas as pd

from models.targets import window_of

DROP_RATIO = 0.7
PUBLISHER = "bgs"
# Two yearly releases: what was resolved longer ago says nothing about the state of a pair.
RECENT = pd.Timedelta(days=500)
PAIR = ["mineral", "supplier"]
COLUMNS = [*PAIR, "year", "ratio", "resolved_at"]


def production_labels(production: pd.DataFrame, publisher: str = PUBLISHER) -> pd.DataFrame:
    """Resolve every pair and year for which `publisher` gives the year and the three before it.

    Args:
        production: every known version of the dataset `production`.

    Returns:
        mineral, supplier, year, ratio (of the year to the mean of the three before; a mean of zero gives none),
        resolved_at; sorted by the first three.
    """
    rows = production[production["source"].eq(publisher)]
    found = pd.DataFrame(columns=COLUMNS)
    parts: list[pd.DataFrame] = []
    for moment in sorted(rows["available_at"].unique()):
        known = rows[rows["available_at"] <= moment].sort_values("available_at", kind="stable")
        newest = known.drop_duplicates(["year", *PAIR], keep="last")
        # Only a fact that came out now can complete a label now: its own year or one of the three after it.
        fresh = newest.loc[newest["available_at"].eq(moment), "year"]
        ratios = _ratios(newest[~newest["is_retracted"]], int(fresh.min()), int(fresh.max()) + 3)
        found = pd.concat([*parts, ratios.assign(resolved_at=moment)], ignore_index=True)
        found = found.drop_duplicates([*PAIR, "year"], keep="first")
        parts = [found]
    if found.empty:
        return found
    found = found.astype(dict.fromkeys(PAIR, "str"))
    found = found.astype({"year": "int64", "ratio": "float64", "resolved_at": "datetime64[us, UTC]"})
    return found[COLUMNS].sort_values([*PAIR, "year"], ignore_index=True)


def _ratios(known: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    recent = known[known["year"].between(first - 3, last)]
    wide = recent.pivot_table(index=PAIR, columns="year", values="quantity_tonnes", aggfunc="sum")
    wide = wide.reindex(columns=range(first - 3, last + 1))
    before = sum(wide.shift(back, axis=1) for back in (1, 2, 3)) / 3
    ratio = (wide / before.where(before > 0)).loc[:, first:last]
    return ratio.melt(value_name="ratio", ignore_index=False).dropna().reset_index()


def attach_production_labels(panel: pd.DataFrame, labels: pd.DataFrame, horizon: str) -> pd.DataFrame:
    """Add the window, the outcome and when it was resolved to each row of `panel`, in its order.

    Returns:
        `panel` with target_year, window_start, window_end, label (1.0, 0.0, missing without a figure), void_reason
        (always missing) and resolved_at.
    """
    rows = panel.join(window_of(panel["as_of"], horizon))
    wanted = labels.rename(columns={"year": "target_year", "ratio": "outcome"})
    rows = rows.merge(wanted, on=[*PAIR, "target_year"], how="left", validate="many_to_one")
    label = (rows["outcome"] < DROP_RATIO).astype("float64").where(rows["outcome"].notna())
    return rows.assign(label=label, void_reason=pd.Series(pd.NA, index=rows.index, dtype="str")).drop(columns="outcome")


def known_state(panel: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Give what was known at each row's `as_of` of the pair's newest resolved year.

    Returns:
        In the order of `panel`: onset (not in a drop then, or nothing known) and level (the ratio, missing where
        nothing was resolved in the `RECENT` time before).
    """
    known = labels.sort_values(["resolved_at", "year"], kind="stable").rename(columns={"ratio": "level"})
    # Of labels resolved at one moment the newest year counts.
    known = known.drop_duplicates([*PAIR, "resolved_at"], keep="last")
    # A late figure that completes an old year does not put the clock back.
    known = known[known["year"].eq(known.groupby(PAIR)["year"].cummax())]
    wanted = panel[[*PAIR, "as_of"]].assign(number=range(len(panel))).sort_values("as_of", kind="stable")
    joined = pd.merge_asof(
        wanted.astype(dict.fromkeys(PAIR, "str")),
        known[[*PAIR, "resolved_at", "level"]].astype(dict.fromkeys(PAIR, "str")),
        left_on="as_of",
        right_on="resolved_at",
        by=PAIR,
        tolerance=RECENT,
    ).sort_values("number")
    level = joined["level"].set_axis(panel.index).astype("float64")
    return pd.DataFrame({"onset": ~(level < DROP_RATIO), "level": level})
