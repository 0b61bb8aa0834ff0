"""What an idea changes of features and rows before its model sees them: pure, and never from later rows.

Those that change features go from features and panel to features to use and a panel that has them; those that choose
rows go from rows to rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from features.panel import features_of
from features.signals.trade import TRACKED_SHARE_FRAC
from ml.experiments.cells import cell_features
from ml.experiments.odd_prices import COLUMNS as ODD_PRICE_COLUMNS

__all__ = [
    "KNOWN_PLACES",
    "Features",
    "against_own_past",
    "all_rows",
    "knowing",
    "last_years",
    "only_cells",
    "places_known",
    "same",
    "tracked",
    "with_cells",
    "with_forecasts",
    "with_neighbours",
    "with_odd_prices",
    "with_stage",
    "without",
]

Features = Sequence[str]
KNOWN_PLACES = "hazards_hit_13w"


def same(names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Give both as they are."""
    return list(names), panel


def all_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows as they are."""
    return rows


def without(left_out: Sequence[str], names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Leave features out."""
    return [name for name in names if name not in left_out], panel


def against_own_past(names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Add each feature against the pair's own mean so far."""
    ordered = panel.sort_values("as_of")
    past = ordered.groupby(["mineral", "supplier"])[list(names)].transform(lambda column: column.expanding().mean())
    own = (panel[list(names)] - past.reindex(panel.index)).add_suffix("_vs_own_past")
    return [*names, *own.columns], pd.concat([panel, own], axis=1)


def places_known(names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Replace the features of hazards by whether the catalogue knows a place of the pair."""
    own = {feature.name for feature in features_of() if feature.name.startswith("hazards_")}
    is_known = panel[KNOWN_PLACES].notna().astype("float64")
    return [name for name in names if name not in own] + ["places_known"], panel.assign(places_known=is_known)


def knowing(truths: Sequence[str], names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Add columns that tell of the target year itself: for ceilings only."""
    return [*names, *truths], panel


def with_cells(level: str, names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Add what the forecasts of cells add up to."""
    return [*names, *cell_features(level)], panel


def only_cells(level: str, names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Keep nothing but what the forecasts of cells add up to."""
    return cell_features(level), panel


def with_forecasts(level: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows whose cells have forecasts."""
    return rows[rows[cell_features(level)].notna().all(axis=1)]


def with_stage(names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Add whether the product is refined."""
    is_refined = panel["stage"].eq("processing").astype("float64")
    return [*names, "is_refined"], panel.assign(is_refined=is_refined)


def with_neighbours(
    columns: Callable[[pd.DataFrame], pd.DataFrame], names: Features, panel: pd.DataFrame
) -> tuple[list[str], pd.DataFrame]:
    """Add the columns that `columns` makes of the panel."""
    found = columns(panel)
    return [*names, *found.columns], panel.join(found)


def with_odd_prices(names: Features, panel: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Add how odd the latest prices are."""
    return [*names, *ODD_PRICE_COLUMNS], panel


def last_years(years: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the last target years."""
    return rows[rows["target_year"] > rows["target_year"].max() - years]


def tracked(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of pairs of at least 1 % of world exports."""
    return rows[rows["share"] >= TRACKED_SHARE_FRAC]
