"""Signal `trade`: a supplier's exports against its own past, its buyers and the world.

Steps change when the picture of past exports changes (with BACI once a year, on
1 February). Every value describes the last known year or the years before it; ratios
are natural logarithms clipped to ±4, so that a stop (zero exports) is -4 and not
minus infinity.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.exports import ExportTable, known_exports, snapshot_moments, yearly_exports
from features.signals.declaration import Feature, Signal, Steps, Tables

__all__ = ["SIGNAL", "TRACKED_SHARE_FRAC", "drop_ratio", "log_ratio", "steps_of_exports"]

TRACKED_SHARE_FRAC = 0.01
DROP_RATIO = 0.7
SEVERE_RATIO = 0.5
MAX_LOG = 4.0

FEATURES = (
    Feature("trade_data_age_years", "years", "Years from the last known trade year to the year of the forecast date."),
    Feature("trade_level_vs_3y", "log_ratio", "Exports of the last known year against the mean of the three before."),
    Feature("trade_level_vs_3y_lag1", "log_ratio", "The same, one year earlier."),
    Feature("trade_level_vs_3y_lag2", "log_ratio", "The same, two years earlier."),
    Feature("trade_level_vs_5y_max", "log_ratio", "Exports of the last known year against the best of the last five."),
    Feature("trade_level_vs_10y", "log_ratio", "Exports of the last known year against the mean of the last ten."),
    Feature("trade_growth_1y", "log_ratio", "Change of exports over one year."),
    Feature("trade_growth_2y", "log_ratio", "Change of exports over two years."),
    Feature("trade_growth_3y", "log_ratio", "Change of exports over three years."),
    Feature("trade_growth_5y", "log_ratio", "Change of exports over five years."),
    Feature("trade_volatility_5y", "log_ratio", "Standard deviation of the last five yearly changes."),
    Feature("trade_volatility_10y", "log_ratio", "Standard deviation of the last ten yearly changes."),
    Feature("trade_worst_change_5y", "log_ratio", "The worst yearly change of the last five years."),
    Feature("trade_share_3y", "frac", "Share of world exports over the last three known years."),
    Feature("trade_share_change", "frac", "Share of world exports in the last year minus the three-year share."),
    Feature("trade_rank", "rank", "Rank among the mineral's exporters over the last three known years; 1 is first."),
    Feature("trade_tonnes", "tonnes_log", "Natural logarithm of exports in tonnes (plus one) in the last known year."),
    Feature("trade_value", "usd_log", "Natural logarithm of exports in USD (plus one) in the last known year."),
    Feature("trade_drops_5y", "count", "Years among the last five known in which exports were below 70 % of normal."),
    Feature("trade_drop_rate", "frac", "Share of all known years in which exports were below 70 % of normal."),
    Feature("trade_severe_rate", "frac", "Share of all known years in which exports were below 50 % of normal."),
    Feature("trade_years_since_drop", "years", "Years since exports were last below 70 % of normal; missing if never."),
    Feature("trade_buyers", "count", "Importing countries in the last known year."),
    Feature("trade_buyer_hhi", "frac", "Concentration of buyers (Herfindahl index of value) in the last known year."),
    Feature("trade_top_buyer", "frac", "Share of the largest buyer in the last known year."),
    Feature("trade_buyers_lost", "frac", "Share of the year before's sales that went to buyers lost since."),
    Feature(
        "trade_effective_buyers", "count", "Buyers of equal size that would be as concentrated, three known years."
    ),
    Feature("trade_steady_frac", "frac", "What each buyer took at least in each of three years, over mean exports."),
    Feature(
        "trade_regular_frac", "frac", "Share of three years' tonnes that went to buyers of every one of five years."
    ),
    Feature("trade_buyer_spread", "frac", "Spread of exports if its buyers varied independently, over mean exports."),
    Feature("trade_usual_change_10y", "log_ratio", "Median size of the yearly changes of the last ten years."),
    Feature("trade_unit_value_vs_world", "log_ratio", "Price per tonne against the world's in the last known year."),
    Feature("trade_unit_value_growth", "log_ratio", "Change of the price per tonne over one year."),
    Feature("trade_reexport_ratio", "log_ratio", "Own imports of the mineral against exports of it; high for hubs."),
    Feature("trade_imputed", "frac", "Share of the last year's value whose quantity had to be imputed."),
    Feature("trade_world_growth_1y", "log_ratio", "Change of the mineral's world exports over one year."),
    Feature("trade_world_growth_3y", "log_ratio", "Change of the mineral's world exports over three years."),
    Feature("trade_world_price_growth_1y", "log_ratio", "Change of the mineral's world unit value over one year."),
    Feature("trade_world_price_growth_3y", "log_ratio", "Change of the mineral's world unit value over three years."),
    Feature("trade_supplier_hhi", "frac", "Concentration of the mineral's exporters (Herfindahl index of tonnes)."),
    Feature("trade_mineral_falls", "frac", "Share of the mineral's other tracked suppliers in a drop."),
    Feature("trade_mineral_drop_rate", "frac", "Share of past years in a drop, over the mineral's tracked suppliers."),
    Feature("trade_country_falls", "frac", "Share of the supplier's other tracked minerals in a drop."),
    Feature("trade_country_drop_rate", "frac", "Share of past years in a drop, over the supplier's tracked minerals."),
    Feature("trade_country_growth_1y", "log_ratio", "Change of the value of all the supplier's mineral exports."),
)


def log_ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Give ln(above / below) clipped to ±4; 0 / 0 is missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.log(above / below), -MAX_LOG, MAX_LOG)


def drop_ratio(tonnes: np.ndarray) -> np.ndarray:
    """Give each year's exports over the mean of the three years before it.

    Args:
        tonnes: shape (n_pairs, n_years), years without gaps.

    Returns:
        Same shape; missing for the first three years and where the mean is zero or unknown.
    """
    ratio = np.full(tonnes.shape, np.nan)
    if tonnes.shape[1] > 3:
        reference = (tonnes[:, :-3] + tonnes[:, 1:-2] + tonnes[:, 2:-1]) / 3
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio[:, 3:] = np.where(reference > 0, tonnes[:, 3:] / reference, np.nan)
    return ratio


def share_3y(table: ExportTable) -> np.ndarray:
    """Give each pair's share of world exports over the last three known years, shape (n_pairs,)."""
    recent = table["tonnes"][:, -3:].sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (recent / table.by("mineral", recent))[:, 0]


def _back(values: np.ndarray, years: int) -> np.ndarray:
    # The column `years` before the last; missing when the record is shorter.
    return values[:, -1 - years] if values.shape[1] > years else np.full(len(values), np.nan)


def _leave_one_out(flags: np.ndarray, weights: np.ndarray, keys: np.ndarray) -> np.ndarray:
    # Mean of `flags` over the other rows with the same key, among rows with weight.
    known = ~np.isnan(flags) & weights
    frame = pd.DataFrame({"hit": np.where(known, np.nan_to_num(flags), 0.0), "n": known.astype(float)})
    total = frame.groupby(keys).transform("sum")
    others = total["n"] - frame["n"]
    return np.where(others > 0, (total["hit"] - frame["hit"]) / others.where(others > 0, 1), np.nan)


def describe(table: ExportTable) -> pd.DataFrame:
    """Compute every feature of this family from one picture of past exports; one row per pair."""
    tonnes, value = table["tonnes"], table["value_usd"]
    minerals, suppliers = table.number("mineral"), table.number("supplier")
    ratio = drop_ratio(tonnes)
    is_drop = np.where(np.isnan(ratio), np.nan, ratio < DROP_RATIO)
    changes = np.full(tonnes.shape, np.nan)
    changes[:, 1:] = log_ratio(tonnes[:, 1:], tonnes[:, :-1])
    world, world_value = table.by("mineral", tonnes), table.by("mineral", value)
    with np.errstate(divide="ignore", invalid="ignore"):
        price, world_price = value / tonnes, world_value / world
        world_share = tonnes / world
    share = share_3y(table)
    is_tracked = share >= TRACKED_SHARE_FRAC
    rank = pd.Series(share).groupby(minerals).rank(ascending=False, method="min").to_numpy()
    hhi = table.by("mineral", world_share**2)[:, -1]
    country_value = table.by("supplier", np.nan_to_num(value))
    last = tonnes[:, -1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all-missing rows give missing, as they should
        drop_rate, severe_rate = np.nanmean(is_drop, axis=1), _rate(ratio, SEVERE_RATIO)
        worst = np.nanmin(changes[:, -5:], axis=1)
        volatility = [np.nanstd(changes[:, -span:], axis=1) for span in (5, 10)]
        usual_change = np.nanmedian(np.abs(changes[:, -10:]), axis=1)
        best_5y, mean_10y = np.nanmax(tonnes[:, -5:], axis=1), np.nanmean(tonnes[:, -10:], axis=1)
    level = log_ratio(ratio, np.ones_like(ratio))
    tracked_rate = np.where(is_tracked, drop_rate, np.nan)
    columns = {
        "trade_level_vs_3y": _back(level, 0),
        "trade_level_vs_3y_lag1": _back(level, 1),
        "trade_level_vs_3y_lag2": _back(level, 2),
        "trade_level_vs_5y_max": log_ratio(last, best_5y),
        "trade_level_vs_10y": log_ratio(last, mean_10y),
        **{f"trade_growth_{n}y": log_ratio(last, _back(tonnes, n)) for n in (1, 2, 3, 5)},
        "trade_volatility_5y": volatility[0],
        "trade_volatility_10y": volatility[1],
        "trade_worst_change_5y": worst,
        "trade_share_3y": share,
        "trade_share_change": world_share[:, -1] - share,
        "trade_rank": rank,
        "trade_tonnes": np.log1p(last),
        "trade_value": np.log1p(value[:, -1]),
        "trade_drops_5y": np.nansum(is_drop[:, -5:], axis=1),
        "trade_drop_rate": drop_rate,
        "trade_severe_rate": severe_rate,
        "trade_years_since_drop": _years_since(is_drop),
        "trade_buyers": table["buyers"][:, -1],
        "trade_buyer_hhi": _if_selling(table["buyer_hhi"][:, -1], last),
        "trade_top_buyer": _if_selling(table["top_buyer_frac"][:, -1], last),
        "trade_buyers_lost": _buyers_lost(table),
        **{
            f"trade_{name}": _if_selling(table[name][:, -1], last)
            for name in ("effective_buyers", "steady_frac", "regular_frac", "buyer_spread")
        },
        "trade_usual_change_10y": usual_change,
        "trade_unit_value_vs_world": log_ratio(price[:, -1], world_price[:, -1]),
        "trade_unit_value_growth": log_ratio(price[:, -1], _back(price, 1)),
        "trade_reexport_ratio": _if_selling(log_ratio(table["import_tonnes"][:, -1] + 0.01, last + 0.01), last),
        "trade_imputed": _if_selling(table["imputed_value_frac"][:, -1], last),
        "trade_world_growth_1y": log_ratio(world[:, -1], _back(world, 1)),
        "trade_world_growth_3y": log_ratio(world[:, -1], _back(world, 3)),
        "trade_world_price_growth_1y": log_ratio(world_price[:, -1], _back(world_price, 1)),
        "trade_world_price_growth_3y": log_ratio(world_price[:, -1], _back(world_price, 3)),
        "trade_supplier_hhi": hhi,
        "trade_mineral_falls": _leave_one_out(is_drop[:, -1], is_tracked, minerals),
        "trade_mineral_drop_rate": _leave_one_out(tracked_rate, is_tracked, minerals),
        "trade_country_falls": _leave_one_out(is_drop[:, -1], is_tracked, suppliers),
        "trade_country_drop_rate": _leave_one_out(tracked_rate, is_tracked, suppliers),
        "trade_country_growth_1y": log_ratio(country_value[:, -1], _back(country_value, 1)),
    }
    keys = {"mineral": table.pairs.get_level_values("mineral"), "supplier": table.pairs.get_level_values("supplier")}
    return pd.DataFrame({**keys, **columns, "trade_last_year": float(table.years[-1])})


def _rate(ratio: np.ndarray, limit: float) -> np.ndarray:
    return np.nanmean(np.where(np.isnan(ratio), np.nan, ratio < limit), axis=1)


def _if_selling(values: np.ndarray, tonnes: np.ndarray) -> np.ndarray:
    return np.where(tonnes > 0, values, np.nan)


def _buyers_lost(table: ExportTable) -> np.ndarray:
    # Who sells nothing any more has no row that says so, and has lost all buyers of the year before.
    before, now = _back(table["value_usd"], 1), table["lost_buyer_value_frac"][:, -1]
    return np.where(before > 0, np.where(table["buyers"][:, -1] == 0, 1.0, now), np.nan)


def _years_since(is_drop: np.ndarray) -> np.ndarray:
    hits = np.nan_to_num(is_drop)[:, ::-1]
    return np.where(hits.any(axis=1), hits.argmax(axis=1), np.nan)


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give the step function per pair; it has a row for every pair ever seen by then."""
    return steps_of_exports(yearly_exports(tables["trade"], catalog))


def steps_of_exports(exports: pd.DataFrame) -> list[Steps]:
    """Give the step function per pair from what `features.exports.yearly_exports` gave."""
    frames = [
        describe(ExportTable.of(known_exports(exports, moment))).assign(available_at=moment)
        for moment in snapshot_moments(exports)
    ]
    columns = ["mineral", "supplier", "available_at", "trade_last_year", *SIGNAL.columns[1:]]
    if not frames:
        return [Steps(("mineral", "supplier"), pd.DataFrame(columns=columns))]
    frame = pd.concat(frames, ignore_index=True).astype({"available_at": "datetime64[us, UTC]"})
    frame = frame.sort_values(["mineral", "supplier", "available_at"], ignore_index=True)
    return [Steps(("mineral", "supplier"), frame[columns])]


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Add how old the last known trade year is in the year of each row's `as_of`."""
    age = joined["as_of"].dt.year - joined["trade_last_year"]
    return pd.DataFrame({"trade_data_age_years": age.astype("float64")})


SIGNAL = Signal("trade", ("trade",), FEATURES, steps, combine)
