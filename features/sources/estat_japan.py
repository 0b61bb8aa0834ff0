"""Japan's Ministry of Finance: trade by country and nine-digit code, a year per file -> `mirror_trade`.

Payload: a CSV (or zip of CSVs) of e-Stat's table by commodity and country: one row per direction, code and country,
with two quantities and a value for the year and for each month. "Exp or Imp" is 1 for exports, 2 for imports.

Months that are not out yet hold 0, exactly as months without trade do. The newest month out stands in the title of
the table ("Import Jan-Sep") and not in the file, so the file's name has to tell it: `estat_japan_2025_to_09.csv`.
What lies beyond is cut off; figures there, or nothing at all in that month, show that the name is wrong, and the months
must add up to the year's column. Values are thousands of yen and no rate is known: `value_usd` is missing. Of the two
quantities the second counts if it is a mass, else the first. The country's number is looked up in
`estat_japan_countries.csv`, which holds those that could be confirmed; any other is rejected until somebody adds it.

Nothing is collected: the files' numbers change with each release and stand on pages made for people.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd

from features.archives import open_zip
from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.customs_places import by_table
from features.sources.customs_rows import MASS, NOTHING, Office, harvest, numbers, raw_lines
from features.sources.spec import Harvest, SourceSpec, reading

__all__ = ["FILES", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="estat_japan",
    title="Trade Statistics of Japan by commodity (nine digits) and country",
    publisher="Ministry of Finance, Japan, on e-Stat",
    address="https://www.e-stat.go.jp/en/stat-search/files?toukei=00350300&tstat=000001013141",
    licence="see the publisher's terms",
    citation="Ministry of Finance, Trade Statistics of Japan, e-Stat",
    cadence="monthly",
    lag=MonthLag.after_end(60),
    lag_rule="month m is available on the 60th day after its end",
    fills=("mirror_trade",),
    takes="CSV by country and HS code, or a zip of them, named estat_japan_YYYY_to_MM",
    hosts=("www.e-stat.go.jp",),
    stale_after_days=110,
    seen_live=False,
)
FILES = ("estat_japan_*.csv", "estat_japan_*.zip")

HOME = "JPN"
NAME = re.compile(r"estat_japan_(\d{4})_to_(0[1-9]|1[0-2])")
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
FIGURES = ("Quantity1", "Quantity2", "Value")
COLUMNS = ["Exp or Imp", "Year", "HS", "Country", "Unit1", "Unit2"]
COLUMNS += [f"{figure}-{span}" for span in ("Year", *MONTHS) for figure in FIGURES]
FLOWS = {"1": "export", "2": "import"}
UNITS = {"KG": MASS["kg"], "MT": MASS["t"], "GR": MASS["g"]}
UNITS |= dict.fromkeys(("NO", "DZ", "PR", "ST", "M", "SM", "CM", "L", "KL", "CT", "TH"), NOTHING)


def parse(path: Path) -> pd.DataFrame:
    """Read a file into `customs_rows.RAW_COLUMNS`, a row per month up to the one its name tells.

    Raises:
        BadInput: missing, damaged, other columns, a name without month, figures beyond that month or none in it, or
            months that do not add up to the year.
    """
    named = NAME.match(path.name)
    if named is None:
        raise BadInput(
            where=str(path),
            expected="a name that tells the newest month out, such as estat_japan_2025_to_09.csv",
            found=path.name,
            remedy="Take it from the table's title (Jan-Sep): months to come hold 0 in the file.",
        )
    table = _table(path)
    figures = pd.DataFrame({name: numbers(table[name]) for name in COLUMNS[6:]})
    _check_months(table, figures, int(named[2]), path)
    parts = [_month(table, named[1], number) for number in range(1, int(named[2]) + 1)]
    return raw_lines(pd.concat(parts))


def _month(table: pd.DataFrame, year: str, number: int) -> pd.DataFrame:
    name, month = MONTHS[number - 1], f"{year}{number:02d}"
    is_mass = {
        each: table[f"Unit{each}"].isin([unit for unit, told in UNITS.items() if told != NOTHING]) for each in "12"
    }
    use_second = is_mass["2"] | ~is_mass["1"]
    return pd.DataFrame(
        {
            "row": table["row"],
            "flow": table["Exp or Imp"].map(FLOWS).fillna(table["Exp or Imp"]),
            # A row of another year than the name's is not of this file.
            "first": pd.Series(month, index=table.index).where(table["Year"].eq(year), table["Year"]),
            "last": month,
            "reporter": HOME,
            "partner": table["Country"],
            "hs_code": table["HS"].str.strip("'"),
            "value": table[f"Value-{name}"],
            "quantity": table[f"Quantity2-{name}"].where(use_second, table[f"Quantity1-{name}"]),
            "unit": table["Unit2"].where(use_second, table["Unit1"]),
        }
    )


def _check_months(table: pd.DataFrame, figures: pd.DataFrame, last: int, path: Path) -> None:
    later = [f"{figure}-{month}" for month in MONTHS[last:] for figure in FIGURES]
    is_beyond = figures[later].gt(0).any(axis=1)
    if is_beyond.any() or not figures[f"Value-{MONTHS[last - 1]}"].gt(0).any():
        where = f"row {table['row'][is_beyond].iloc[0]}" if is_beyond.any() else f"column Value-{MONTHS[last - 1]}"
        raise BadInput(
            where=f"{path}, {where}",
            expected=f"figures up to {MONTHS[last - 1]}, as the name says",
            found="figures beyond it" if is_beyond.any() else "none in that month",
            remedy="Correct the name by the table's title.",
        )
    for figure in FIGURES:
        total = figures[[f"{figure}-{month}" for month in MONTHS]].sum(axis=1)
        # Each month is rounded down by itself.
        is_off = (figures[f"{figure}-Year"] - total).abs().gt(len(MONTHS))
        if is_off.any():
            at = is_off.idxmax()
            raise BadInput(
                where=f"{path}, row {table['row'][at]}, field {figure}-Year",
                expected=f"the sum of its months, {total[at]:,.0f}",
                found=f"{figures[f'{figure}-Year'][at]:,.0f}",
                remedy="The file is damaged; download it again.",
            )


def _table(path: Path) -> pd.DataFrame:
    expected = "a CSV file, or a zip of them"
    with reading(path, expected=expected, remedy="Download it again.", also=(ValueError,)):
        if path.suffix == ".zip":
            with open_zip(path) as archive:
                names = sorted(name for name in archive.namelist() if name.lower().endswith(".csv"))
                parts = [pd.read_csv(archive.open(name), dtype="str", keep_default_na=False) for name in names]
            table = pd.concat(parts, ignore_index=True)
        else:
            table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    # The publisher shortens April in two ways.
    table = table.rename(columns=lambda name: name.strip().replace("-Apl", "-Apr"))
    if set(table.columns) != set(COLUMNS) or table.empty:
        raise BadInput(
            where=f"{path}, header",
            expected="rows by country, two quantities and a value per month",
            found=", ".join(table.columns[:8]) if len(table) else "no rows",
            remedy="Take the table by commodity and country, not the one without countries or by port.",
        )
    return table.apply(lambda column: column.str.strip()).assign(row=range(1, len(table) + 1))


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`, weights only."""
    office = Office(
        source=SPEC.name,
        country=by_table(SPEC.name, HOME),
        known_at=lag.available_at,
        units=UNITS,
        usd_per_value=None,
        code_lengths=(9,),
    )
    return harvest(raw, catalog, office, file=file, now=now)
