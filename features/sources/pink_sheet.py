"""World Bank Commodity Price Data (The Pink Sheet): 71 monthly series since 1960 -> `prices`.

Payload: CMO-Historical-Data-Monthly.xlsx. Only the sheet "Monthly Prices" is read; the monthly workbook holds
no deflator (the MUV index comes with the annual one). Names are in one row, units in the next, and in
some releases a row of codes follows: all three are found by what they hold. A name loses its ` **` (a
footnote) and is looked up in pink_sheet_series.csv, which also holds the names that were changed.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import UTC, MonthLag
from features.sources.price_rows import Cells, is_month, monthly_prices, raw_prices, read_cells
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "SPEC", "UNITS", "harmonise", "parse", "released", "requests"]

FILE = "CMO-Historical-Data-Monthly.xlsx"
FILES = ("CMO-Historical-Data-Monthly*.xlsx",)
# Some releases print two decimals, others eleven: what agrees to half a cent is no revision.
ROUNDING = {"price": 0.005 + 1e-9}
SHEET = "Monthly Prices"

SPEC = SourceSpec(
    name="pink_sheet",
    title="World Bank Commodity Price Data (The Pink Sheet)",
    publisher="World Bank, Prospects Group",
    address="https://www.worldbank.org/en/research/commodity-markets",
    # Third parties own some of the series, so we pass nothing on.
    licence="CC BY 4.0; some series belong to third parties",
    citation="World Bank, Commodity Price Data (The Pink Sheet)",
    cadence="monthly, second working day",
    lag=MonthLag(months=1, day=7),
    lag_rule="month m is available on the 7th of m+1 (it comes on the second working day or a little later), a "
    "later change of it when it was released (Updated on)",
    fills=("prices",),
    takes=f"the publisher's workbook {FILE}",
    # The middle of the address changes with the year; a setting replaces it.
    endpoint=f"https://thedocs.worldbank.org/en/doc/74e8be41ceb20fa0da750cda2f6b9e4e-0050012026/related/{FILE}",
    hosts=("thedocs.worldbank.org",),
    requests_per_minute=6,
    max_megabytes=20,
    stale_after_days=45,
)

UNITS = {
    "($/mt)": "usd_per_tonne",
    "($/dmtu)": "usd_per_dry_tonne",
    "($/kg)": "usd_per_kilogram",
    "($/troy oz)": "usd_per_troy_ounce",
    "($/bbl)": "usd_per_barrel",
    "($/mmbtu)": "usd_per_million_btu",
    "($/cubic meter)": "usd_per_cubic_metre",
    "(cents/sheet)": "us_cents_per_sheet",
    "(2010=100)": "index_2010",
}


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the one workbook, which holds every month."""
    return [Request(endpoint, FILE)]


def parse(path: Path) -> pd.DataFrame:
    """Read a workbook into row, name, code ("" without a row of codes), unit, period and price.

    The release date stands in `attrs["released"]` as the sheet words it.

    Raises:
        BadInput: the file is broken, or the sheet does not begin as it always did.
    """
    cells = read_cells(path, SHEET)
    first = next((at for at, line in enumerate(cells) if is_month(line[0])), 0)
    units = next((at for at in range(first - 1, 0, -1) if _is_units(cells[at])), 0)
    if not units or first - units > 2:
        raise BadInput(
            where=f"{path}, sheet {SHEET}",
            expected="a row of names, a row of units, perhaps one of codes, then months such as 1960M01",
            found=f"units in row {units + 1}, the first month in row {first + 1}",
            remedy="Has the layout changed?",
        )
    codes = cells[first - 1] if first - units == 2 else [""] * len(cells[units])
    series = [
        (column, _plain(name), str(codes[column]).strip(), str(cells[units][column]).strip())
        for column, name in enumerate(cells[units - 1])
        if column and str(name).strip()
    ]
    raw = raw_prices(cells, first, series)
    raw.attrs["released"] = next((str(line[0]) for line in cells[:units] if "pdated on" in str(line[0])), "")
    return raw


def released(raw: pd.DataFrame) -> dt.datetime | None:
    """Give the day in "Updated on June 02, 2021", None where the sheet names none."""
    found = re.search(r"[Uu]pdated on (\w+ \d{1,2}, \d{4})", raw.attrs.get("released", ""))
    return dt.datetime.strptime(found[1], "%B %d, %Y").replace(tzinfo=UTC) if found else None


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `prices`.

    A series that is neither in pink_sheet_series.csv by its name nor by its code is rejected: a name
    without a code may be an old series renamed. Figures keep six significant digits, as the releases
    differ in how much of the noise of binary numbers they show.
    """
    series = raw["name"].map(_series_of_name()).fillna(raw["code"].where(raw["code"].isin(_series_of_name().values())))
    raw = raw.assign(
        series=series.fillna("").astype("str"),
        unit_id=raw["unit"].map(UNITS).fillna("").astype("str"),
        price=[float(f"{cell:.6g}") if isinstance(cell, float) else cell for cell in raw["price"]],
    )
    return monthly_prices(raw, catalog, file=file, source=SPEC.name, lag=lag, now=now)


@functools.cache
def _series_of_name() -> dict[str, str]:
    table = pd.read_csv(Path(__file__).with_name("pink_sheet_series.csv"), dtype="str", keep_default_na=False)
    return dict(zip(table["name"], table["series"], strict=True))


def _plain(name: object) -> str:
    return " ".join(str(name).replace("**", "").split())


def _is_units(line: Cells | list[object]) -> bool:
    texts = [str(cell).strip() for cell in line[1:] if str(cell).strip()]
    return bool(texts) and sum(text.startswith("(") and text.endswith(")") for text in texts) > len(texts) / 2
