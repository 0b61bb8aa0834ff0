"""World Mining Data: production by country -> `production`.

Payload: the embedded Parquet (commodity, iso3, country, year, quantity, unit,
data_kind). Commodity names go to catalogue minerals; those that are no catalogue
mineral are listed and left out. Two known errors of the extract are corrected here:
French Guiana stands under Guyana's code, and Guyana's gold of 2023 and 2024 repeats
French Guiana's figures to the kilogram, so it is withheld as unknown.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import Lag
from features.sources.spec import Harvest, SourceSpec, moment_of_years, read_table, reject_rows

__all__ = ["COMMODITIES", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="world_mining_data",
    title="World Mining Data",
    publisher="Federal Ministry of Finance of the Republic of Austria",
    address="https://www.world-mining-data.info",
    licence="free with citation",
    citation="Reichl and Schatz, World Mining Data",
    cadence="yearly, April or May",
    lag=Lag(years=2, month=5, day=1),
    lag_rule="year t is available on 1 May of t+2",
    fills=("production",),
    takes="Parquet or CSV commodity,iso3,country,year,quantity,unit,data_kind",
    is_embedded=True,
    may_redistribute=True,
)

COLUMNS = ("commodity", "iso3", "country", "year", "quantity", "unit", "data_kind")
# The extract files Taiwan and Kosovo under codes of country groups.
GROUP_CODES = {"S19": "TWN", "R20": "XKX"}
TONNES_PER_UNIT = {"metr. t": 1.0, "kg": 0.001}

COMMODITIES = {
    "Aluminium": "aluminium",
    "Antimony": "antimony",
    "Arsenic": "arsenic",
    "Asbestos": "asbestos",
    "Baryte": "baryte",
    "Bauxite": "bauxite",
    "Bentonite": "bentonite",
    "Beryllium (conc.)": "beryllium",
    "Bismuth": "bismuth",
    "Boron Minerals": "boron",
    "Cadmium": "cadmium",
    "Chromium (Cr2O3)": "chromium",
    "Cobalt": "cobalt",
    "Coking Coal": "coking_coal",
    "Copper": "copper",
    "Diatomite": "diatomite",
    "Feldspar": "feldspar",
    "Fluorspar": "fluorspar",
    "Gallium": "gallium",
    "Germanium": "germanium",
    "Gold": "gold",
    "Graphite": "graphite",
    "Gypsum and Anhydrite": "gypsum",
    "Indium": "indium",
    "Iron (Fe)": "iron",
    "Kaolin (China-Clay)": "kaolin",
    "Lead": "lead",
    "Lithium (Li2O)": "lithium",
    "Magnesite": "magnesite",
    "Manganese": "manganese",
    "Mercury": "mercury",
    "Molybdenum": "molybdenum",
    "Nickel": "nickel",
    "Niobium (Nb2O5)": "niobium",
    "Palladium": "palladium",
    "Phosphate Rock (P2O5)": "phosphate",
    "Platinum": "platinum",
    "Potash (K2O)": "potash",
    "Rare Earths (REO)": "rare_earths",
    "Rhodium": "rhodium",
    "Selenium": "selenium",
    "Silver": "silver",
    "Sulfur (elementar & industrial)": "sulfur",
    "Tantalum (Ta2O5)": "tantalum",
    "Tellurium": "tellurium",
    "Tin": "tin",
    "Titanium (TiO2)": "titanium",
    "Tungsten (W)": "tungsten",
    "Uranium (U3O8)": "uranium",
    "Vanadium (V)": "vanadium",
    "Zinc": "zinc",
    "Zircon": "zirconium",
}
# Known commodities that are no catalogue mineral; a name in neither list is rejected.
NOT_IN_CATALOGUE = {
    "Diamonds (Gem)",
    "Diamonds (Ind)",
    "Lignite",
    "Natural Gas",
    "Oil Sands (part of Petroleum)",
    "Oil Shales",
    "Perlite",
    "Petroleum",
    "Rhenium",
    "Salt (rock, brines, marine)",
    "Steam Coal",
    "Talc, Steatite & Pyrophyllite",
    "Vermiculite",
}


def parse(path: Path) -> pd.DataFrame:
    """Read a payload as it is, with a `row` column; figures become numbers, unreadable ones NaN."""
    raw = read_table(path, [COLUMNS])
    return raw.assign(
        year=pd.to_numeric(raw["year"], errors="coerce"), quantity=pd.to_numeric(raw["quantity"], errors="coerce")
    )


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `production`; see the module for what is corrected."""
    is_guiana = raw["country"].eq("French Guiana")
    raw = raw.assign(iso3=raw["iso3"].mask(is_guiana, "GUF"))
    is_gold = raw["commodity"].eq("Gold")
    guiana = raw[is_guiana & is_gold].drop_duplicates("year").set_index("year")["quantity"]
    is_copied = raw["iso3"].eq("GUY") & is_gold & raw["quantity"].eq(raw["year"].map(guiana))
    is_ours = raw["commodity"].isin(COMMODITIES)
    is_known_country = raw["iso3"].isin(set(catalog.countries))
    checks = (
        ("commodity", ~is_ours & ~raw["commodity"].isin(NOT_IN_CATALOGUE), "an unknown commodity"),
        ("iso3", is_ours & ~is_known_country & ~raw["iso3"].isin(GROUP_CODES), "an unknown country code"),
        ("year", raw["year"].isna() | (raw["year"] >= now.year), f"not a year that has ended by {now.date()}"),
        (
            "quantity",
            ~raw["quantity"].between(0, float("inf"), inclusive="left"),
            "no readable quantity, or below zero",
        ),
        ("unit", is_ours & ~raw["unit"].isin(TONNES_PER_UNIT), "a unit without a conversion to tonnes"),
        ("quantity", is_copied, "Guyana's gold repeats French Guiana's figure; unknown until a new release"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    rows = raw[is_ours & ~is_bad].assign(iso3=raw["iso3"].replace(GROUP_CODES))
    rows = pd.DataFrame(
        {
            "year": rows["year"].astype("int16"),
            "mineral": rows["commodity"].map(COMMODITIES).astype("str"),
            "supplier": rows["iso3"].astype("str"),
            "quantity_tonnes": rows["quantity"] * rows["unit"].map(TONNES_PER_UNIT).astype("float64"),
            "is_estimated": ~rows["data_kind"].eq("r"),
            "available_at": moment_of_years(rows["year"], lag),
            "source": SPEC.name,
            "is_retracted": False,
        }
    )
    return Harvest({"production": rows}, rejected, {"other commodities": int((~is_ours).sum())})
