"""Signal `mirror_trade`: a supplier's sales as its buyers' customs offices counted them, months ago instead of years.

Two pictures are kept at each moment: the newest year with any month out (`new`), and
the year before it as far as known (`old`). Which of them is "this year to date" depends on
the year of the forecast date, so `combine` gives them their names: `mirror_ytd_*` speak of
the year of `as_of` and are missing while no month of it is out, `mirror_last_*` of the year before.

Reporters are summed, so each weighs by what it buys. A level of 0 against something is
a stop (-4 at most, as in `trade`); a pair that no reporter covers is missing, not zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.mirror import BACK, codes_of_minerals, coverage, cumulations, known_at_moments, with_minerals
from features.signals.declaration import Signal, Steps, Tables
from features.signals.mirror_features import FEATURES
from features.signals.price_history import month_number

__all__ = ["SIGNAL", "describe"]

MAX_LOG = 4.0
FALL_RATIO = 0.7
# Added above and below, so that a few dollars or kilograms make no trend.
FLOOR = {"value": 1e4, "tonnes": 1.0}
PAIR = ["mineral", "supplier"]
LEVELS = {"pair": ("mineral", "supplier"), "mineral": ("mineral",), "supplier": ("supplier",), "world": ()}

# Columns of the two pictures, and their names for the year of `as_of` and for the year before.
PAIR_NOW = (
    "vs_3y", "vs_1y", "tonnes_vs_3y", "tonnes_vs_1y", "projected_vs_3y", "projected_tonnes_vs_3y", "share_change",
    "price_change", "reporters_falling",
)  # fmt: skip
GROUP_NOW = ("vs_3y", "vs_1y")


def change(above: pd.Series, below: pd.Series, what: str) -> pd.Series:
    """Give ln(above / below) clipped to +-4 with a floor on both; nothing against nothing is missing."""
    floor = FLOOR[what]
    ratio = np.log((above + floor) / (below + floor)).clip(-MAX_LOG, MAX_LOG)
    return ratio.where((above > 0) | (below > 0))


def _comparable(rows: pd.DataFrame) -> pd.DataFrame:
    # Before anything is summed: only what is known on both sides of a comparison enters it. Else a reporter whose
    # figure is withheld this year, or that began to publish last year, would make a fall or a rise.
    out = rows.drop(columns=[f"{what}_{back}" for what in FLOOR for back in BACK])
    for what in FLOOR:
        by_back = rows[[f"{what}_{back}" for back in BACK]].to_numpy()
        three = ~np.isnan(by_back).any(axis=1)
        one = ~np.isnan(by_back[:, :2]).any(axis=1)
        whole = ~np.isnan(by_back[:, :3]).any(axis=1) & rows["months"].eq(12).to_numpy()
        columns = {
            "now_3y": np.where(three, by_back[:, 0], np.nan),
            "then_3y": np.where(three, by_back[:, 1:].sum(axis=1) / 3, np.nan),
            "now_1y": np.where(one, by_back[:, 0], np.nan),
            "then_1y": np.where(one, by_back[:, 1], np.nan),
            "last_year": np.where(whole, by_back[:, 0], np.nan),
            "mean_year": np.where(whole, by_back[:, :3].sum(axis=1) / 3, np.nan),
        }
        out = out.assign(**{f"{what}_{name}": column for name, column in columns.items()})
    priced = rows[[f"{what}_{back}" for what in FLOOR for back in (0, 1)]].notna().all(axis=1)
    return out.assign(**{f"priced_{what}_{b}": rows[f"{what}_{b}"].where(priced) for what in FLOOR for b in (0, 1)})


def _sums(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    columns = [name for name in rows.columns if name.startswith(("value_", "tonnes_", "priced_"))]
    return rows.groupby(["moment", *keys])[columns].sum(min_count=1)


def _comparisons(sums: pd.DataFrame) -> pd.DataFrame:
    out = {
        f"{prefix}vs_{years}": change(sums[f"{what}_now_{years}"], sums[f"{what}_then_{years}"], what)
        for what, prefix in (("value", ""), ("tonnes", "tonnes_"))
        for years in ("3y", "1y")
    }
    return pd.DataFrame(out, index=sums.index)


def _falling(rows: pd.DataFrame) -> pd.Series:
    per_office = _sums(rows, ["reporter", *PAIR])
    normal = per_office["value_then_3y"]
    is_falling = (per_office["value_now_3y"] < FALL_RATIO * normal).astype("float64").where(normal > 0)
    return is_falling.groupby(level=["moment", *PAIR]).mean()


def _projected(sums: pd.DataFrame, before: pd.DataFrame, what: str) -> pd.Series:
    # `before` is the full year before: its level times this year's pace stands for the whole of this year.
    before = before.reindex(sums.index)
    pace = (sums[f"{what}_now_1y"] + FLOOR[what]) / (sums[f"{what}_then_1y"] + FLOOR[what])
    return change(before[f"{what}_last_year"] * pace, before[f"{what}_mean_year"], what)


def _price(sums: pd.DataFrame, back: int) -> pd.Series:
    tonnes = sums[f"priced_tonnes_{back}"]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(sums[f"priced_value_{back}"] / tonnes).where(tonnes > 0)


def _pairs(rows: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    sums = _sums(rows, PAIR)
    out = _comparisons(sums)
    of_all = sums.groupby(level=["moment", "mineral"]).transform("sum", min_count=1)
    share = [sums[name] / of_all[name].where(of_all[name] > 0) for name in ("value_now_1y", "value_then_1y")]
    out["share_change"] = share[0] - share[1]
    price = _price(sums, 0) - _price(sums, 1)
    out["price_change"] = price.replace([np.inf, -np.inf], np.nan).clip(-MAX_LOG, MAX_LOG)
    out["reporters_falling"] = _falling(rows)
    past = _sums(before, PAIR)
    for what, name in (("value", "projected_vs_3y"), ("tonnes", "projected_tonnes_vs_3y")):
        out[name] = _projected(sums, past, what)
    groups = rows.groupby(["moment", *PAIR])
    out["reporters"] = groups["reporter"].nunique().astype("float64")
    out["is_heading"] = groups["is_heading"].max().astype("float64")
    out["months"] = groups["months"].max().astype("float64")
    return out


def describe(known: pd.DataFrame, codes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Compare the newest year that has months out, and the year before it, with the years before each.

    Args:
        known: one chunk of `features.mirror.known_at_moments`.
        codes: what `codes_of_minerals` gave.

    Returns:
        By level (`LEVELS`): one row per moment and unit, with the columns of both pictures, `new_...` and `old_...`.
    """
    raw = {name: _comparable(cumulations(known, years)) for name, years in (("new", 0), ("old", 1))}
    mapped = {name: with_minerals(rows, codes) for name, rows in raw.items()}
    nothing = mapped["old"].head(0)
    levels: dict[str, list[pd.DataFrame]] = {level: [] for level in LEVELS}
    for name in raw:
        goods = _comparisons(_sums(raw[name], ["hs_code"]))["vs_1y"]
        world = _comparisons(_sums(raw[name], []))
        parts = {
            "pair": _pairs(mapped[name], mapped["old"] if name == "new" else nothing),
            "mineral": _comparisons(_sums(mapped[name], ["mineral"])),
            "supplier": _comparisons(_sums(raw[name], ["supplier"])),
            "world": world.assign(median_vs_1y=goods.groupby(level="moment").median()),
        }
        for level, part in parts.items():
            levels[level].append(part.add_prefix(f"{name}_"))
    out = {level: pd.concat(parts, axis=1) for level, parts in levels.items()}
    newest = raw["new"].groupby("moment")
    out["world"] = out["world"].assign(year=newest["newest"].first(), reached=newest["months"].max())
    return out


def _described(table: pd.DataFrame, reported_by: str, catalog: Catalog) -> dict[str, pd.DataFrame]:
    codes = codes_of_minerals(catalog, table["hs_code"])
    facts = table[table["hs_code"].isin(codes["hs_code"])]
    chunks = [describe(known, codes) for known in known_at_moments(facts, reported_by)]
    return {level: pd.concat([chunk[level] for chunk in chunks]) for level in LEVELS} if chunks else {}


def _level(described: dict[str, pd.DataFrame], level: str, prefix: str) -> Steps:
    keys = LEVELS[level]
    about = ["year", "reached"] if level == "world" else []
    names = [*about, *(f"{age}_{name}" for age in ("new", "old") for name in _columns(level))]
    if not described:
        return Steps(
            keys, pd.DataFrame(columns=[*keys, "available_at", *(f"{prefix}_{level}_{name}" for name in names)])
        )
    rows = _with_gaps(described[level][names], keys)
    rows = rows.rename(columns={name: f"{prefix}_{level}_{name}" for name in names})
    frame = rows.reset_index().rename(columns={"moment": "available_at"})
    frame = frame.astype({"available_at": "datetime64[us, UTC]"})
    frame = frame[[*keys, "available_at", *rows.columns]].sort_values([*keys, "available_at"], ignore_index=True)
    return Steps(keys, frame)


def _with_gaps(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    # A unit that is in no picture any more gets rows of missing values; else its last one would hold on.
    if not keys:
        return rows
    units = rows.index.droplevel("moment").unique()
    moments = rows.index.unique("moment")
    first = rows.index.to_frame(index=False).groupby(list(keys))["moment"].min()
    grid = units.to_frame(index=False).merge(pd.DataFrame({"moment": moments}), how="cross")
    born = first.reindex(pd.MultiIndex.from_frame(grid[list(keys)]) if len(keys) > 1 else grid[keys[0]]).to_numpy()
    grid = grid[grid["moment"].to_numpy() >= born]
    return rows.reindex(pd.MultiIndex.from_frame(grid[["moment", *keys]]))


def _columns(level: str) -> list[str]:
    if level == "pair":
        return [*PAIR_NOW, "reporters", "is_heading", "months"]
    return [*GROUP_NOW, "median_vs_1y"] if level == "world" else list(GROUP_NOW)


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give step functions per pair, mineral and supplier and for all, and one of the coverage."""
    table = tables["mirror_trade"]
    buyers, own = (_described(table, by, catalog) for by in ("importer", "supplier"))
    by_buyers = [_level(buyers, level, "mirror") for level in LEVELS]
    by_suppliers = [_level(own, level, "own") for level in ("pair", "world")]
    covered = coverage(table, tables["trade"], catalog)
    return [*by_buyers, *by_suppliers, Steps(("mineral", "supplier"), covered)]


def _of_year(joined: pd.DataFrame, prefix: str, level: str, name: str, back: int) -> pd.Series:
    # The picture of the year of `as_of` less `back`, whichever of the two it is; missing where it is neither.
    behind = joined["as_of"].dt.year - back - joined[f"{prefix}_world_year"]
    new, old = (joined[f"{prefix}_{level}_{age}_{name}"].astype("float64") for age in ("new", "old"))
    return new.where(behind.eq(0), old.where(behind.eq(-1)))


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Name the pictures after the year of each row's `as_of`, and say how old they are."""

    def this(name: str, level: str = "pair", prefix: str = "mirror", back: int = 0) -> pd.Series:
        return _of_year(joined, prefix, level, name, back)

    out = {
        f"mirror_ytd_{name}" if "vs" in name and "projected" not in name else f"mirror_{name}": this(name)
        for name in PAIR_NOW
    }
    for level in ("mineral", "supplier"):
        out |= {f"mirror_{level}_ytd_{name}": this(name, level) for name in GROUP_NOW}
    out["mirror_world_ytd_vs_1y"] = this("vs_1y", "world")
    out["mirror_world_median_vs_1y"] = this("median_vs_1y", "world")
    out["mirror_last_vs_3y"] = this("vs_3y", back=1)
    out["mirror_last_tonnes_vs_3y"] = this("tonnes_vs_3y", back=1)
    out["mirror_weighted_change"] = out["mirror_ytd_vs_3y"] * joined["mirror_coverage"].astype("float64")
    out["mirror_reporters"] = joined["mirror_pair_new_reporters"].astype("float64")
    out["mirror_is_heading"] = joined["mirror_pair_new_is_heading"].astype("float64")
    year = joined["mirror_world_year"].astype("float64")
    months = this("months").fillna(0.0).where(year.notna())
    out["mirror_months"] = months.where(out["mirror_reporters"].notna())
    out["mirror_age_months"] = month_number(joined["as_of"]) - (
        year * 12 + joined["mirror_world_reached"].astype("float64") - 1
    )
    out["mirror_own_ytd_vs_3y"] = this("vs_3y", prefix="own")
    out["mirror_own_ytd_tonnes_vs_3y"] = this("tonnes_vs_3y", prefix="own")
    out["mirror_own_last_vs_3y"] = this("vs_3y", prefix="own", back=1)
    return pd.DataFrame(out)


SIGNAL = Signal("mirror_trade", ("trade", "mirror_trade"), FEATURES, steps, combine)
