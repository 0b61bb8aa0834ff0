"""India's monthly trade data bank (DGCI&S, TradeStat MEIDB): one commodity, all countries -> `mirror_trade`.

Payload: the page that the form "commodity-wise, all countries" answers, saved whole with its form: HTML with a table
of country, month of the year before, month, growth, both years to date, growth. The form asks for a session and a
token, so a person saves the page and it is taken in. What the figures are (US dollars in millions, quantity, rupees)
is read from the option chosen in the form, by its words: the options' numbers have changed places before. The
direction stands in the names of the form's fields, the code in its field, the unit of quantity beside the commodity.

Both months are rows; a year to date is one if it begins in January (the other kind of year begins in April). Values and
quantities come as two pages: a page of values fills rows of basis "none", one of quantities rows of basis "gross" with
no value, so neither overwrites the other. A page in rupees is refused: no rate is known. The row "Total" is a
check sum. (R) and (F) mark revised and final figures and are not read: a new page is a new version.
"""

from __future__ import annotations

import datetime as dt
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.customs_places import by_name, outside
from features.sources.customs_rows import MASS, NOTHING, Office, harvest, raw_lines
from features.sources.spec import Harvest, SourceSpec, reading

__all__ = ["FILES", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="india_meidb",
    title="TradeStat, monthly data bank: one commodity and all countries",
    publisher="Department of Commerce, India; figures of DGCI&S",
    address="https://tradestat.commerce.gov.in/meidb/commodity_wise_all_countries_import",
    licence="see the publisher's terms",
    citation="Department of Commerce, India, TradeStat (MEIDB); DGCI&S, Kolkata",
    cadence="monthly",
    lag=MonthLag.after_end(75),
    lag_rule="month m is available on the 75th day after its end",
    fills=("mirror_trade",),
    takes="the answer page of commodity_wise_all_countries_import or _export, saved as HTML with its form",
    hosts=("tradestat.commerce.gov.in",),
    stale_after_days=125,
    seen_live=False,
)
FILES = ("*.html", "*.htm")

HOME = "IND"
PREFIXES = {"cwacim": "import", "cwacex": "export"}
UNIT = re.compile(r"Unit\s*:\s*([A-Za-z]+)")
PERIOD = re.compile(r"(?:([A-Z][a-z]{2})[a-z]*\s*-\s*)?([A-Z][a-z]{2})[a-z]*\s*-?\s*(\d{4})\s*(?:\([RFP]\))?")
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
UNITS = {"KGS": MASS["kg"], "KG": MASS["kg"], "TON": MASS["t"], "MTS": MASS["t"], "GMS": MASS["g"], "NOS": NOTHING}
MILLION, STEP = 1e6, 0.01


class _Page(HTMLParser):
    """Collects the tables' cells, the fields' values, the chosen option of each list, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.fields: dict[str, str] = {}
        self.words: list[str] = []
        self._cell: list[str] | None = None
        self._list, self._is_chosen = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag == "input":
            self.fields[told.get("name", "")] = told.get("value", "")
        elif tag == "select":
            self._list = told.get("name", "")
        elif tag == "option":
            self._is_chosen = "selected" in told

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None and self.tables and self.tables[-1]:
            self.tables[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag == "option":
            self._is_chosen = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._cell is not None:
            self._cell.append(data)
        if self._is_chosen:
            self.fields[self._list] = self.fields.get(self._list, "") + data.strip()


def parse(path: Path) -> pd.DataFrame:
    """Read a page into `customs_rows.RAW_COLUMNS`; `row` is the row of the table, the header not counted.

    Raises:
        BadInput: missing, without its form or its table, figures in rupees, or a row of another width.
    """
    page = _read(path)
    prefix = next((prefix for prefix in PREFIXES if f"{prefix}HSCODE" in page.fields), "")
    reported = page.fields.get(f"{prefix}ReportVal", "").casefold()
    is_usd, is_quantity = "us" in reported and "million" in reported, "quantity" in reported
    if not prefix or not (is_usd or is_quantity):
        raise BadInput(
            where=f"{path}, form",
            expected="the form with its code and its choice, US dollars in millions or quantity",
            found=repr(reported) if prefix else "no form",
            remedy="Save the whole page; ask for US dollars or quantity, not rupees.",
        )
    unit = UNIT.search(" ".join(page.words))
    header, body = _results(page, path)
    periods = {at: period for at, name in enumerate(header) if (period := _period(name))}
    if len(periods) < 2:
        raise BadInput(
            where=f"{path}, header",
            expected="a month of two years, such as May-2024 and May-2025",
            found=", ".join(header),
            remedy="Has the page changed?",
        )
    place = header.index("Country")
    lines = [
        {
            "row": number,
            "kind": "total" if "total" in " ".join(cells[: place + 1]).casefold() else "line",
            "flow": PREFIXES[prefix],
            "first": first,
            "last": last,
            "reporter": HOME,
            "partner": "" if "total" in " ".join(cells[: place + 1]).casefold() else cells[place],
            "hs_code": page.fields[f"{prefix}HSCODE"].strip(),
            "value": cells[at] if is_usd else "",
            "quantity": cells[at] if is_quantity else "",
            "unit": (unit[1].upper() if unit else "") if is_quantity else "",
        }
        for number, cells in enumerate(body, start=1)
        for at, (first, last) in periods.items()
    ]
    return raw_lines(pd.DataFrame(lines))


def _read(path: Path) -> _Page:
    page = _Page()
    with reading(path, expected="a saved page in UTF-8", remedy="Save it again."):
        page.feed(path.read_text(encoding="utf-8"))
    return page


def _results(page: _Page, path: Path) -> tuple[list[str], list[list[str]]]:
    for table in page.tables:
        rows = [row for row in table if row]
        if rows and "Country" in rows[0] and len(rows) > 1:
            wrong = [at for at, row in enumerate(rows) if len(row) != len(rows[0])]
            if not wrong:
                return rows[0], rows[1:]
            raise BadInput(
                where=f"{path}, row {wrong[0]}",
                expected=f"{len(rows[0])} cells",
                found=f"{len(rows[wrong[0]])}",
                remedy="The page is cut off; save it again.",
            )
    raise BadInput(
        where=str(path),
        expected="a table that begins with Country",
        found=f"{len(page.tables)} table(s) without",
        remedy="Is it the answer page? A month that is not out gives none.",
    )


def _period(name: str) -> tuple[str, str] | None:
    found = PERIOD.fullmatch(name)
    if not found or found[2] not in MONTHS or found[1] not in (None, "Jan"):
        return None
    last = MONTHS.index(found[2]) + 1
    # A year to date in January is January itself.
    return None if found[1] and last == 1 else (f"{found[3]}{1 if found[1] else last:02d}", f"{found[3]}{last:02d}")


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`: values without weights, or weights without values.

    Raises:
        BadInput: the countries do not add up to the total.
    """
    office = Office(
        source=SPEC.name,
        country=by_name(catalog, SPEC.name),
        known_at=lag.available_at,
        units=UNITS,
        usd_per_value=MILLION,
        outside=outside(SPEC.name),
        code_lengths=(2, 4, 6, 8),
        step=STEP,
    )
    return harvest(raw, catalog, office, file=file, now=now)
