"""Signal `logistics`: how busy the straits are that a pair's sales pass, against the same weeks of earlier years.

Two things are kept apart and meet row by row in `combine`. Straits change every week: their step function has no keys.
What share of a pair's tonnes passes each strait changes with the trade figures, once a year, and when a strait is
counted for the first time: it is the newest known year's flows, each on the shortest sea route between the two
countries (`features/catalog/routes.py`), none where they trade by land. A pair's ratio is the mean over its straits,
weighted by those shares.

Routes are those with all canals open. When ships avoid the Red Sea, Suez falls and the Cape rises: the pair's sales
were exposed to Suez. Missing stays missing: a pair that hardly passes a counted strait has no ratio, and an exposed
share of 0 where it passes none; before anything is counted there is neither, and counts older than `MAX_AGE_WEEKS` give
no ratio. Minerals that go by air have no shares and no ratios. All shares but that of known routes are of the tonnes
whose route is known.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.catalog.routes import load_routes, load_straits
from features.datasets import MOMENT
from features.flows import Flows, Groups, sums
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.strait_history import EPOCH, RATIOS, strait_steps

__all__ = ["BY_AIR", "MAX_AGE_WEEKS", "MIN_STRAIT_FRAC", "SIGNAL", "STRAITS", "flow_shares"]

_STRAITS = load_straits()
# Those whose counts are read: 14 of the 28.
STRAITS: tuple[str, ...] = tuple(_STRAITS.loc[_STRAITS["is_watched"], "id"])
MIN_STRAIT_FRAC = 0.1
# A ratio over straits that hardly anything passes would speak of other people's trade.
MIN_EXPOSED_FRAC = 0.01
MAX_AGE_WEEKS = 8
# Worth more than their freight: shipped by air.
BY_AIR = ("gold", "iridium", "palladium", "platinum", "rhodium", "ruthenium")
# The newest known year may be withdrawn as a whole; years before these are never the newest.
SPARE_YEARS = 2
PAIR = ["mineral", "supplier"]
SHARES = [f"logistics_{strait}_frac" for strait in STRAITS]
COLUMNS = [*SHARES, "logistics_exposed_frac", "logistics_known_frac"]

_AGAINST = "against the mean of the same weeks of up to three earlier years, weighted by the flows through each."
FEATURES = (
    Feature("logistics_transits_4w", "log_ratio", f"Ships through the pair's straits in 4 weeks, {_AGAINST}"),
    Feature("logistics_transits_13w", "log_ratio", f"Ships through the pair's straits in 13 weeks, {_AGAINST}"),
    Feature(
        "logistics_dry_bulk_13w", "log_ratio", f"Dry bulk carriers through the pair's straits in 13 weeks, {_AGAINST}"
    ),
    Feature(
        "logistics_worst_strait_13w",
        "log_ratio",
        "Ships in 13 weeks against earlier years in the emptiest strait that at least 10 % of the pair's flows pass.",
    ),
    Feature(
        "logistics_exposed_share",
        "frac",
        "Share of the pair's tonnes with a known route that pass a strait with counts.",
    ),
    Feature("logistics_age_weeks", "weeks", "Whole weeks since the newest day on which ships were counted."),
    Feature("logistics_coverage_share", "frac", "Share of the pair's tonnes whose route is known."),
)


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give the step function of all straits, without keys, and of the shares of flows, per pair."""
    straits = strait_steps(tables["transits"], STRAITS)
    straits = straits.rename(columns={name: f"logistics_{name}" for name in straits.columns.drop("available_at")})
    return [
        Steps((), straits),
        Steps(("mineral", "supplier"), flow_shares(tables["trade"], tables["transits"], catalog)),
    ]


def flow_shares(trade: pd.DataFrame, transits: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Give which share of each pair's tonnes passed each strait in the newest known year.

    Args:
        trade: every known version of the `trade` dataset.
        transits: every known version of `transits`; it tells from when a strait is counted.

    Returns:
        mineral, supplier, available_at and `COLUMNS` (0..1, float32), sorted. A pair that sold nothing in the newest
        year, and did before, has a row without values. Nothing before the first strait is counted.
    """
    counted_from = transits[~transits["is_retracted"] & transits["strait"].isin(STRAITS)]
    counted_from = counted_from.groupby("strait")["available_at"].min()
    trade = _recent(trade, counted_from)
    if trade.empty:
        types = dict.fromkeys(PAIR, "str") | {"available_at": MOMENT} | dict.fromkeys(COLUMNS, "float32")
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})
    flows = Flows.of(trade, catalog)
    passes, is_known = load_routes().masks(list(flows.countries), STRAITS)
    parts: list[pd.DataFrame] = []
    pairs = np.zeros(0, dtype="int64")
    for moment, snapshot, counted in _pictures(flows, counted_from):
        found, values = _shares(flows, snapshot, passes, is_known, counted)
        pairs = np.union1d(pairs, found)
        rows = np.full((len(pairs), len(COLUMNS)), np.nan)
        rows[np.searchsorted(pairs, found)] = values
        mineral, supplier = np.divmod(pairs, len(flows.countries))
        keys = {
            "mineral": pd.array(flows.minerals, dtype="str").take(mineral),
            "supplier": pd.array(flows.countries, dtype="str").take(supplier),
        }
        parts.append(pd.DataFrame(keys).assign(available_at=moment).join(pd.DataFrame(rows, columns=COLUMNS)))
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[~frame["mineral"].isin(BY_AIR)].astype({"available_at": MOMENT} | dict.fromkeys(COLUMNS, "float32"))
    return frame.sort_values([*PAIR, "available_at"], ignore_index=True)


def _recent(trade: pd.DataFrame, counted_from: pd.Series) -> pd.DataFrame:
    # The rows of years that can be the newest once anything is counted: the others cost time and change nothing.
    if counted_from.empty:
        return trade.head(0)
    known = trade.loc[trade["available_at"] <= counted_from.min(), "year"]
    return trade if known.empty else trade[trade["year"] >= known.max() - SPARE_YEARS]


def _pictures(flows: Flows, counted_from: pd.Series) -> Iterator[tuple[pd.Timestamp, int, np.ndarray]]:
    # Each moment at which the newest year's flows or the counted straits changed: moment, snapshot, counted straits.
    snapshots = flows.snapshots.assign(rows=np.diff(flows.bounds))
    starts = counted_from.reindex(list(STRAITS))
    first, last = counted_from.min(), (-1, b"")
    for moment in sorted({*snapshots["moment"], *counted_from}):
        known = snapshots[snapshots["moment"] <= moment]
        newest = known.groupby("year").tail(1)
        newest = newest[newest["rows"] > 0]
        if moment < first or newest.empty:
            continue
        counted = (starts <= moment).to_numpy(dtype=bool)
        picture = (int(newest["year"].idxmax()), counted.tobytes())
        if picture != last:
            last = picture
            yield moment, picture[0], counted


def _shares(
    flows: Flows, snapshot: int, passes: np.ndarray, is_known: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # The pairs of one snapshot (sorted numbers) and their `COLUMNS`, shape (n_pairs, n_columns).
    rows = slice(*flows.bounds[[snapshot, snapshot + 1]])
    tonnes, pair = flows.tonnes[rows], flows.pair[rows]
    on_way = passes[flows.supplier[rows], flows.importer[rows]]
    groups = Groups.of(pair)
    counts_for = [
        *on_way.T,
        on_way[:, counted].any(axis=1),
        is_known[flows.supplier[rows], flows.importer[rows]],
    ]
    total = groups.sums(tonnes)
    amounts = [sums(groups.of_row, np.where(column, tonnes, 0.0), len(total)) for column in counts_for]
    # What is known stands for the rest; where no route is known, nothing is known of straits either.
    known = amounts[-1]
    below = [*[known] * (len(amounts) - 1), total]
    shares = [np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0) for a, b in zip(amounts, below, strict=True)]
    return pair[groups.starts], np.stack(shares, axis=1)


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Weigh the straits of each row by its flows; see the module for what is missing."""
    today = (joined["as_of"] - EPOCH) // pd.Timedelta(days=1)
    newest = joined["logistics_newest_day"].astype("float64")
    age = np.floor((today - newest - 1) / 7)
    is_fresh = age <= MAX_AGE_WEEKS
    exposed = joined["logistics_exposed_frac"].astype("float64")
    is_exposed = exposed >= MIN_EXPOSED_FRAC
    shares = {strait: joined[f"logistics_{strait}_frac"].astype("float64") for strait in STRAITS}
    out = {}
    for name in RATIOS:
        above, below = (pd.Series(0.0, index=joined.index) for _ in range(2))
        for strait, share in shares.items():
            ratio = joined[f"logistics_{strait}_{name}"].astype("float64")
            weight = share.where(ratio.notna()).fillna(0.0)
            above, below = above + weight * ratio.fillna(0.0), below + weight
        out[f"logistics_{name}"] = (above / below.where(below > 0)).where(is_fresh & is_exposed)
    worst = pd.Series(np.nan, index=joined.index)
    for strait, share in shares.items():
        ratio = joined[f"logistics_{strait}_transits_13w"].astype("float64")
        worst = np.fmin(worst, ratio.where(share >= MIN_STRAIT_FRAC))
    out["logistics_worst_strait_13w"] = worst.where(is_fresh)
    out["logistics_exposed_share"] = exposed
    out["logistics_age_weeks"] = age
    out["logistics_coverage_share"] = joined["logistics_known_frac"].astype("float64")
    return pd.DataFrame(out, index=joined.index)[SIGNAL.columns]


SIGNAL = Signal("logistics", ("transits", "trade"), FEATURES, steps, combine)
