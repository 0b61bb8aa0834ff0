"""IMF Primary Commodity Prices: monthly prices since 1980, minor metals among them -> `prices`.

Payload: external-data.xls, which has been an xlsx as well as a real xls, or the SDMX interface's CSV (one row per
series and month, by code only). In the workbook four labelled rows in changing
order (Commodity, Commodity.Description, Data Type, Frequency) are followed by months such as 1980M1. The unit
stands only in the description. Index columns are left out, as their base year changes with the release;
so are three series that the file calls USD and its description something else.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd

from features.catalog import Catalog, load_catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.price_rows import is_month, monthly_prices, raw_prices, read_cells
from features.sources.spec import Harvest, Request, SourceSpec, reading

__all__ = ["FILES", "SPEC", "harmonise", "parse", "requests"]

FILES = ("external-data*.xls", "external-data*.xlsx", "imf_pcps*.csv")
SHEET = "External"
ANSWER_COLUMNS = ("INDICATOR", "TIME_PERIOD", "OBS_VALUE")
LABELS = ("Commodity", "Commodity.Description", "Data Type", "Frequency")

SPEC = SourceSpec(
    name="imf_pcps",
    title="IMF Primary Commodity Prices",
    publisher="International Monetary Fund",
    address="https://www.imf.org/en/Research/commodity-prices",
    licence="IMF terms: free use with attribution; commercial reuse needs permission",
    citation="International Monetary Fund, Primary Commodity Price System",
    cadence="monthly, about the middle of the next month",
    lag=MonthLag(months=1, day=16),
    lag_rule="month m is available on the 16th day of m+1; a later change of it with the newest month of its file",
    fills=("prices",),
    takes="the publisher's workbook external-data.xls, or SDMX-CSV of the data flow PCPS",
    # The workbook's address has changed before; the interface is what is kept up.
    endpoint="https://api.imf.org/external/sdmx/2.1/data/IMF.RES,PCPS",
    hosts=("api.imf.org", "www.imf.org"),
    requests_per_minute=6,
    max_megabytes=20,
    stale_after_days=60,
)

# What the description says, most telling first.
UNIT_WORDS = (
    (r"US cents per pound", "us_cents_per_pound"),
    (r"US cents per kilogram", "us_cents_per_kilogram"),
    (r"US\$ per Million Metric British Thermal Unit", "usd_per_million_btu"),
    (r"US\$ per cubic meter", "usd_per_cubic_metre"),
    (r"US\$ per barrel|^Crude Oil \(petroleum\)", "usd_per_barrel"),
    (r"US\$ per kilogram", "usd_per_kilogram"),
    (r"US\$ per pound|USD/lb", "usd_per_pound"),
    (r"US\$ per troy ounce|USD/ ?troy ounce", "usd_per_troy_ounce"),
    (r"USD/ST\b", "usd_per_short_ton"),
    (r"USD/bushel", "usd_per_bushel"),
    (r"USD/cwt", "usd_per_hundredweight"),
    (r"US(\$|\s?dollars) per metric ton|US\$/MT|USD/(metric )?ton", "usd_per_tonne"),
)
# Series whose description has no unit, or a looser one than the price is quoted in.
UNIT_OF_SERIES = {
    "PIORECR": "usd_per_dry_tonne",
    "PPROPANE": "usd_per_gallon",
    "chromium_99_2_coarse_particle": "usd_per_tonne",
    "lithium_metal_99_battery_grade": "usd_per_tonne",
    "rare_earth_carbonate_reo_42_45_dom": "usd_per_tonne",
    "vanadium_pentoxide_cif_nwe": "usd_per_tonne",
}
UNIT_OF_NAME = {"Thailand Whiteleg Shrimp 70 Shrimps/Kg Spot Price": "usd_per_kilogram"}
# Consumer prices in euro and a price in rupees that the file calls USD.
UNCLEAR = ("PTOMATO", "PAPPLE", "PCHANA")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask the SDMX interface for every month, in US dollars, of the series with a code that the catalogue follows."""
    address = f"{endpoint}/G001.{'+'.join(sorted(_names_of_codes()))}.USD.M?detail=dataonly"
    return [Request(address, "imf_pcps.csv", headers={"Accept": "application/vnd.sdmx.data+csv;version=1.0.0"})]


def _names_of_codes() -> dict[str, str]:
    # The interface names a series by its code alone; its description, which holds the unit, is the catalogue's.
    table = load_catalog().price_series
    own = table[table["source"].eq(SPEC.name) & table["series_id"].str.fullmatch("P[A-Z]+")]
    return dict(zip(own["series_id"], own["series_name"], strict=True))


def parse(path: Path) -> pd.DataFrame:
    """Read a file into row, name (the description), code ("" where none), unit (USD or Index), period, price.

    Raises:
        BadInput: the file is broken, its labels are not those above the months, or its columns not the interface's.
    """
    if path.suffix == ".csv":
        return _parse_answer(path)
    cells = read_cells(path, SHEET)
    first = next((at for at, line in enumerate(cells) if is_month(line[0])), 0)
    labels = {str(line[0]).strip(): line for line in cells[:first]}
    if set(labels) != set(LABELS):
        raise BadInput(
            where=f"{path}, sheet {SHEET}, first column",
            expected=f"{', '.join(LABELS)} in any order, then months such as 1980M1",
            found=", ".join(labels) or "no month",
            remedy="Has the layout changed?",
        )
    rows = [[str(cell).strip() for cell in labels[label]] for label in LABELS]
    series = [
        (column, name, code, kind)
        for column, (code, name, kind, frequency) in enumerate(zip(*rows, strict=True))
        if column and (name or code) and frequency == "Monthly"
    ]
    return raw_prices(cells, first, series)


def _parse_answer(path: Path) -> pd.DataFrame:
    with reading(path, expected="a readable CSV", remedy="Download it again.", also=(ValueError,)):
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
    missing = [name for name in ANSWER_COLUMNS if name not in table]
    if missing:
        raise BadInput(
            where=f"{path}, header",
            expected=f"SDMX-CSV with {', '.join(ANSWER_COLUMNS)}",
            found=f"no {', '.join(missing)}",
            remedy="Has the interface changed?",
        )
    names = _names_of_codes()
    number = pd.to_numeric(table["OBS_VALUE"], errors="coerce")
    rows = pd.DataFrame(
        {
            "row": range(1, len(table) + 1),
            "name": table["INDICATOR"].map(names).fillna(""),
            "code": table["INDICATOR"],
            "unit": "USD",
            # 2024-M03, or 2024-03.
            "period": table["TIME_PERIOD"].str.replace(r"^(\d{4})-M?(\d{2})$", r"\1M\2", regex=True),
            # What is no number stays as it is, to be rejected.
            "price": number.astype("object").where(number.notna(), table["OBS_VALUE"]),
        }
    )
    return rows[table["OBS_VALUE"].ne("") & rows["name"].ne("")].reset_index(drop=True)


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `prices`; a column without a code is called by its description in small letters."""
    is_index, is_unclear = raw["unit"].eq("Index"), raw["code"].isin(UNCLEAR)
    prices = raw[~is_index & ~is_unclear]
    ids = {(name, code): code or _slug(name) for name, code in prices[["name", "code"]].itertuples(index=False)}
    units = {key: UNIT_OF_SERIES.get(series) or _unit(key[0]) for key, series in ids.items()}
    keys = list(zip(prices["name"], prices["code"], strict=True))
    prices = prices.assign(
        series=pd.Series([ids[key] for key in keys], index=prices.index, dtype="str"),
        unit_id=pd.Series([units[key] for key in keys], index=prices.index, dtype="str"),
        # The description is what a reader has to look at when a unit is unknown.
        unit=prices["name"],
    )
    harvest = monthly_prices(prices, catalog, file=file, source=SPEC.name, lag=lag, now=now)
    counts = {"values of indices left out": int(is_index.sum()), "values in unclear units": int(is_unclear.sum())}
    return Harvest(harvest.tables, harvest.rejected, counts)


def _unit(name: str) -> str:
    found = next((unit for words, unit in UNIT_WORDS if re.search(words, name)), "")
    return UNIT_OF_NAME.get(name, found)


def _slug(name: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", name.lower()))
