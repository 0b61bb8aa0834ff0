"""Taiwan's Customs Administration: monthly trade by partner and CCC code, as its portal exports it -> `mirror_trade`.

Payload: the CSV or XLSX that the query form GA30 (English: GA30E) gives; the form asks for a CAPTCHA, so a person
downloads the file and it is taken in. Headers in Chinese or English, in any order, below any number of lines of notes.
Years are of the Republic of China (114 is 2025) or of our era; figures have thousands separators; text is UTF-8 or
Big5. How to ask: by month, chosen CCC codes of one length, all countries, value in US dollars and weight, one
direction or both.

An 11th digit of a code is a check digit and is dropped, so that both spellings are one product. Totals (合計) are check
sums. Total trade includes goods that come back; it is taken, and goods that come back are left out where they
stand alone. A file that gives both trade without them and the total would count twice and is refused. Value in New
Taiwan dollars is not read: no rate is known. A file without weights, or without US dollars, is taken as far as it
goes; the two may come in two files. Codes of several lengths for one product are counted in full, so keep to one.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
import python_calamine

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.customs_places import by_name, outside
from features.sources.customs_rows import MASS, Office, harvest, raw_lines
from features.sources.spec import Harvest, SourceSpec, reading

__all__ = ["FILES", "SPEC", "harmonise", "month_of", "parse"]

SPEC = SourceSpec(
    name="taiwan_customs",
    title="Customs import and export statistics by month, country and CCC code",
    publisher="Customs Administration, Ministry of Finance, Taiwan (財政部關務署)",
    address="https://portal.sw.nat.gov.tw/APGA/GA30E",
    licence="see the publisher's terms",
    citation="Customs Administration, Ministry of Finance (R.O.C.), trade statistics query, portal.sw.nat.gov.tw",
    cadence="monthly",
    lag=MonthLag.after_end(60),
    lag_rule="month m is available on the 60th day after its end",
    fills=("mirror_trade",),
    takes="CSV or XLSX exported from GA30 or GA30E: direction, month, CCC code, country, US$ 1,000 and weight",
    hosts=("portal.sw.nat.gov.tw",),
    stale_after_days=110,
    seen_live=False,
)
FILES = ("*.csv", "*.xlsx")

HOME = "TWN"
# Headers without blanks, in half-width letters and small: Chinese, then English.
ALIASES = {
    "flow": ("進出口別", "進口/出口", "進出口", "import/export", "imports/exports", "tradeflow", "flow"),
    "date": ("日期", "年月", "date", "month", "period", "year/month", "yearmonth"),
    "code": ("貨品號列", "稅則號別", "ccccode", "ccc", "commoditycode", "hscode"),
    "country": ("國家", "國別", "國家(地區)", "國家(地區)別", "country", "country/area", "country(area)", "countries"),
    "usd": ("美元(千元)", "價值(美元千元)", "金額(美元千元)", "value(usd1,000)", "value(usd1000)", "usd(1,000)",
            "usd1,000", "usdollars(thousand)", "value(thousandusd)", "us$1,000", "value(us$1,000)"),
    "kg": ("重量(公斤)", "淨重(公斤)", "weight(kgm)", "weight(kg)", "kgm", "netweight(kgm)"),
    "tonnes": ("重量(公噸)", "淨重(公噸)", "weight(tne)", "weight(t)", "tne"),
}  # fmt: skip
HEADER_WITHIN, ENCODINGS = 30, ("utf-8-sig", "cp950")
TOTAL = {"合計", "總計", "總合計", "全部國家", "全球", "世界", "total", "grandtotal", "world", "allcountries"}
OUTSIDE = frozenset({"其他", "其他國家", "OTHERS", "OTHER COUNTRIES"}) | outside(SPEC.name)
MONTH = re.compile(r"(?:民國)?(\d{2,4})[年/.-](\d{1,2})(?:月|[/.-]0?1)?(?:0?1日)?|(\d{3}|\d{4})(\d{2})")
YEAR = re.compile(r"(?:民國)?(\d{2,4})年?")


def parse(path: Path) -> pd.DataFrame:
    """Read an exported file into `customs_rows.RAW_COLUMNS`; `row` is the line or the row of the sheet.

    Raises:
        BadInput: missing, damaged, no header with month, code and country, no direction, or a direction twice.
    """
    cells = _cells(path)
    at, columns = _header(cells, path)
    width = max(columns.values()) + 1
    body = [(number, line) for number, line in enumerate(cells[at + 1 :], start=at + 2) if any(map(_text, line))]
    # Notes below the table fill fewer cells than its rows.
    lines = [(number, line) for number, line in body if sum(bool(_text(cell)) for cell in line) > 2]
    short = [number for number, line in lines if len(line) < width]
    if short or not lines:
        raise BadInput(
            where=f"{path}, row {short[0] if short else at + 2}",
            expected=f"{width} cells",
            found="fewer" if lines else "no rows",
            remedy="The file is cut off; export it again.",
        )
    table = pd.DataFrame(
        {name: [_text(line[column]) for _, line in lines] for name, column in columns.items()}, dtype="str"
    ).assign(row=[number for number, _ in lines])
    return _raw(table, path)


def _raw(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    is_total = pd.DataFrame({name: table[name].map(_plain).isin(TOTAL) for name in ("date", "code", "country")})
    said = table["flow"] if "flow" in table else pd.Series(_flow_of_name(path), index=table.index)
    flow = said.map(_flow)
    _check_one_wording(said[~said.map(_is_return)], flow, path)
    months = table["date"].map(month_of)
    quantity, unit = (table["kg"], "kg") if "kg" in table else (table.get("tonnes", ""), "t")
    codes, is_return = table["code"].map(_code), said.map(_is_return)
    kind = is_total.any(axis=1).map({True: "total", False: "line"}).mask(is_return, "breakdown")
    return raw_lines(
        pd.DataFrame(
            {
                "row": table["row"],
                "kind": kind,
                "flow": flow,
                "first": months.str[0].mask(is_total["date"], ""),
                "last": months.str[1].mask(is_total["date"], ""),
                "reporter": HOME,
                "partner": table["country"].mask(is_total["country"], ""),
                "hs_code": codes.mask(is_total["code"], ""),
                "value": table.get("usd", ""),
                "quantity": quantity,
                # Without a weight the row says nothing about mass: a file of weights may stand beside it.
                "unit": unit if {"kg", "tonnes"} & set(table) else "",
            }
        )
    )


def month_of(text: str) -> tuple[str, str]:
    """Give first and last month (YYYYMM) of a date as the portal writes it, empty text where it is none.

    Example:
        >>> [month_of(each)[0] for each in ("114年05月", "民國114年5月", "11405", "2025/05", "114/13")]
        ['202505', '202505', '202505', '202505', '']
        >>> month_of("113年")
        ('202401', '202412')
    """
    plain = text.replace(" ", "")
    if found := MONTH.fullmatch(plain):
        year, month = _year(found[1] or found[3]), int(found[2] or found[4])
        return (f"{year}{month:02d}",) * 2 if 1 <= month <= 12 else ("", "")
    if found := YEAR.fullmatch(plain):
        return f"{_year(found[1])}01", f"{_year(found[1])}12"
    return "", ""


def _year(text: str) -> int:
    return int(text) + 1911 if len(text) < 4 else int(text)


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.date):
        return f"{cell.year:04d}/{cell.month:02d}"
    # Spreadsheets guard leading zeros as ="0123".
    return str(cell).strip().removeprefix("=").strip('"').strip()


def _plain(text: str) -> str:
    half = text.translate(str.maketrans("（）／，＄", "()/,$"))
    return re.sub(r"\s+", "", half).casefold()


def _code(text: str) -> str:
    digits = re.sub(r"[.\s'-]", "", text)
    return digits[:10] if len(digits) == 11 and digits.isdigit() else digits


def _flow(text: str) -> str:
    plain = _plain(text)
    ways = {"import": "進口" in plain or "import" in plain, "export": "出口" in plain or "export" in plain}
    found = [name for name, is_said in ways.items() if is_said]
    return found[0] if len(found) == 1 else text


def _is_return(text: str) -> bool:
    plain = _plain(text)
    return plain.startswith(("復進口", "復出口", "re-", "reimport", "reexport"))


def _flow_of_name(path: Path) -> str:
    flow = _flow(path.stem)
    if flow not in ("import", "export"):
        raise BadInput(
            where=f"{path}, header",
            expected="a column 進出口別, or a file name that says import or export (進口, 出口)",
            found="neither",
            remedy="Rename the file.",
        )
    return flow


def _check_one_wording(said: pd.Series, flow: pd.Series, path: Path) -> None:
    for name, words in said.groupby(flow[said.index]):
        if len(set(words)) > 1:
            raise BadInput(
                where=f"{path}, 進出口別",
                expected=f"one wording for {name}s",
                found=", ".join(sorted(set(words))),
                remedy="The total holds the other, so trade would count twice; export the total alone.",
            )


def _header(cells: list[list[Any]], path: Path) -> tuple[int, dict[str, int]]:
    wanted = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
    for at, line in enumerate(cells[:HEADER_WITHIN]):
        names = [wanted.get(_plain(_text(cell)), "") for cell in line]
        columns = {name: names.index(name) for name in ALIASES if name in names}
        if {"date", "code", "country"} <= set(columns) and {"usd", "kg", "tonnes"} & set(columns):
            return at, columns
    raise BadInput(
        where=f"{path}, header",
        expected="日期, 貨品號列, 國家 and 美元(千元) or 重量(公斤); or Date, CCC Code, Country, Value (USD 1,000)",
        found=", ".join(_text(cell) for cell in (cells[0] if cells else []))[:120] or "nothing",
        remedy="Export by month, code and country, with US dollars and weight.",
    )


def _cells(path: Path) -> list[list[Any]]:
    expected, also = "a CSV file in UTF-8 or Big5, or an xlsx workbook", (ValueError, python_calamine.CalamineError)
    with reading(path, expected=expected, remedy="Export it again.", also=also):
        content = path.read_bytes()
        if content[:2] == b"PK":
            book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
            return book.get_sheet_by_index(0).to_python(skip_empty_area=False)
        return _csv(content)


def _csv(content: bytes) -> list[list[Any]]:
    for encoding in ENCODINGS:
        try:
            return list(csv.reader(io.StringIO(content.decode(encoding), newline="")))
        except UnicodeDecodeError:
            continue
    raise ValueError("neither UTF-8 nor Big5")


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`; imports as the importer's, exports as the supplier's own figures.

    Raises:
        BadInput: the countries do not add up to a total of the file.
    """
    office = Office(
        source=SPEC.name,
        country=by_name(catalog, SPEC.name),
        known_at=lag.available_at,
        units={"kg": MASS["kg"], "t": MASS["t"]},
        usd_per_value=1000.0,
        outside=OUTSIDE,
        code_lengths=(2, 4, 6, 8, 10),
    )
    return harvest(raw, catalog, office, file=file, now=now)
