"""Mined copper per month, Chile (Cochilco) and Peru (Ministry of Energy and Mines) -> `production_monthly`.

Payload: a JSON file that holds both publishers' bulletins as series, `{"generated_at", "series": {name:
[{"date": last day of the month, "value"}]}}`; Chile in thousand tonnes, Peru in tonnes, both of
copper content. The bulletins themselves are PDF files and workbooks without a common layout.

Some of Peru's months are misread (August 2018 says 220 t). A month is *implausible* when it is under half or over twice
the median of the twelve months on either side, or when both its neighbours are: what stands between
two wrong figures is not trusted. Such months are stored as withdrawn, with the figure as it stands in the file: the
history shows them, no reading gives them, and a corrected figure revises them. A country that really loses half its
mines in one month would be held back as well, until somebody has looked: `CONFIRMED` lets such a month through.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag, as_moment
from features.sources.spec import Harvest, SourceSpec, reject_rows

__all__ = ["CONFIRMED", "FILES", "SPEC", "harmonise", "implausible", "parse", "released"]

SPEC = SourceSpec(
    name="copper_monthly",
    title="Mined copper per month, Chile and Peru",
    publisher="Comisión Chilena del Cobre (Cochilco); Ministerio de Energía y Minas of Peru",
    address="https://www.cochilco.cl",
    licence="not stated by whoever joined the two; the bulletins are free with citation",
    citation="Cochilco, Boletín mensual; Ministerio de Energía y Minas, Boletín Estadístico Minero",
    cadence="monthly",
    lag=MonthLag.after_end(60),
    lag_rule="month m is available on the 60th day after its end",
    fills=("production_monthly",),
    takes="JSON with generated_at and the series of Chile and Peru",
    stale_after_days=110,
)
FILES = ("supply_chain_mining_chile_peru*.json",)

# Series -> country, tonnes per unit.
SERIES = {
    "chile_mine_output_total_thousand_tmf_cochilco": ("CHL", 1000.0),
    "peru_mine_output_total_tmf_bem": ("PER", 1.0),
}
LEAST, MOST, MONTHS_EACH_SIDE, FEWEST_NEIGHBOURS = 0.5, 2.0, 12, 6
# (supplier, month) that somebody has checked against the bulletin.
CONFIRMED: frozenset[tuple[str, str]] = frozenset()


def parse(path: Path) -> pd.DataFrame:
    """Read the file as row, series, date (a month's last day as text), value, generated_at.

    Raises:
        BadInput: the file is missing, no JSON, or has no series.
    """
    if not path.exists():
        raise BadInput(where=str(path), expected="a file", found="nothing", remedy="Check the path.")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        generated_at = str(told["generated_at"])
        points = [
            {"series": name, "date": str(point["date"]), "value": point["value"]}
            for name, series in told["series"].items()
            for point in series
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BadInput(
            where=str(path),
            expected="JSON with generated_at and series of date and value",
            found=f"{type(problem).__name__}: {problem}".splitlines()[0],
            remedy="Is this the right file? Else download it again.",
        ) from None
    if not points:
        raise BadInput(where=str(path), expected="months", found="none", remedy="Download it again.")
    table = pd.DataFrame(points)
    value = pd.to_numeric(table["value"], errors="coerce")
    return table.assign(value=value, row=range(1, len(table) + 1), generated_at=generated_at)


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give when the file says it was made."""
    return as_moment(dt.datetime.fromisoformat(raw["generated_at"].iloc[0]))


def implausible(tonnes: pd.Series) -> pd.Series:
    """Tell which months of one series cannot be right, see the module.

    Args:
        tonnes: by month, in order and without gaps in the index.

    Returns:
        True for such months. With fewer than `FEWEST_NEIGHBOURS` other months to compare with, none.

    Example:
        >>> list(implausible(pd.Series([10.0, 11.0, 9.0, 100.0, 10.0, 10.0, 12.0, 11.0])))
        [False, False, False, True, False, False, False, False]
    """
    medians = []
    for at in range(len(tonnes)):
        near = tonnes.iloc[max(0, at - MONTHS_EACH_SIDE) : at + MONTHS_EACH_SIDE + 1].drop(tonnes.index[at]).dropna()
        medians.append(near.median() if len(near) >= FEWEST_NEIGHBOURS else float("nan"))
    ratio = tonnes / pd.Series(medians, index=tonnes.index)
    is_odd = ratio.lt(LEAST) | ratio.gt(MOST)
    return is_odd | (is_odd.shift(1, fill_value=False) & is_odd.shift(-1, fill_value=False))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `production_monthly`; implausible months are withdrawn."""
    known = {name: catalog.country(supplier).iso3 for name, (supplier, _) in SERIES.items()}
    factor = raw["series"].map({name: tonnes for name, (_, tonnes) in SERIES.items()})
    date = pd.to_datetime(raw["date"], format="%Y-%m-%d", errors="coerce", utc=True)
    month = date - pd.to_timedelta(date.dt.day - 1, unit="D")
    rows = raw.assign(supplier=raw["series"].map(known), month=month, tonnes=raw["value"] * factor)
    rows = rows.sort_values(["series", "month"])
    is_odd = rows.groupby("series")["tonnes"].transform(implausible).astype("bool")
    is_confirmed = pd.Series(list(zip(rows["supplier"], rows["date"].str.slice(0, 7), strict=True)), rows.index)
    is_odd = (is_odd & ~is_confirmed.isin(list(CONFIRMED))).reindex(raw.index)
    rows = rows.reindex(raw.index)
    checks = (
        ("series", ~raw["series"].isin(SERIES), "an unknown series"),
        ("date", date.isna() | (date >= pd.Timestamp(now)), f"not a month that has ended by {now.date()}"),
        ("value", ~raw["value"].between(0, float("inf"), inclusive="left"), "no readable quantity, or below zero"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    good = rows[~is_bad]
    at = [lag.available_at(moment.year, moment.month) for moment in good["month"]]
    facts = pd.DataFrame(
        {
            "mineral": "copper",
            "supplier": good["supplier"].astype("str"),
            "month": good["month"].astype("datetime64[us, UTC]"),
            "quantity_tonnes": good["tonnes"].astype("float64"),
            "is_estimated": False,
            "available_at": pd.Series(at, index=good.index, dtype="datetime64[us, UTC]"),
            "source": SPEC.name,
            "is_retracted": is_odd[~is_bad],
        }
    )
    held_back = int(facts["is_retracted"].sum())
    return Harvest({"production_monthly": facts}, rejected, {"implausible months stored as withdrawn": held_back})
