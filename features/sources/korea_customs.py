"""Korea Customs Service: monthly exports and imports by partner and HS code -> `mirror_trade`.

Payload: an answer of the public data portal's service `nitemtrade` (trade by item and country), XML or JSON. One item
holds both directions of a month, partner and code: values in US dollars, weights in kilograms. Among the monthly
items stands a total (`총계`, code and country "-"): a check sum over all months and codes of the answer, never a row.
A month must be written YYYY.MM, since 2024.1 may be January or a cut-off October. Code "00" alone is success; an
error of the portal's gateway has another form and is told in words. At most twelve months a call.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput, ConfigError
from features.knowledge_time import MonthLag
from features.sources.customs_months import month_before, months_out, read_json, used_codes
from features.sources.customs_places import by_iso2
from features.sources.customs_rows import MASS, Office, harvest, raw_lines
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "SPEC", "follow", "harmonise", "parse", "requests"]

LAG = MonthLag.after_end(60)
SPEC = SourceSpec(
    name="korea_customs",
    title="Trade by item and country (관세청 품목별 국가별 수출입실적)",
    publisher="Korea Customs Service, through the public data portal data.go.kr",
    address="https://www.data.go.kr",
    licence="see the publisher's terms",
    citation="Korea Customs Service, trade by item and country, data.go.kr",
    cadence="monthly",
    lag=LAG,
    lag_rule="month m is available on the 60th day after its end",
    fills=("mirror_trade",),
    takes="the service's answer in XML or JSON",
    endpoint="https://apis.data.go.kr/1220000/nitemtrade/getNitemtradeList",
    hosts=("apis.data.go.kr",),
    key_setting="ORESIGHT_KOREA_KEY",
    requests_per_minute=60,
    stale_after_days=110,
    seen_live=False,
)
FILES = ("korea_customs_*.xml", "korea_customs_*.json")

HOME, MONTHS_PER_CALL, CALLS_BACK, ROWS_PER_PAGE = "KR", 12, 2, 9999
NEEDED = ("year", "statCd", "hsCd", "impDlr", "impWgt", "expDlr", "expWgt")
DIRECTIONS = {"import": ("impDlr", "impWgt"), "export": ("expDlr", "expWgt")}
MONTH = re.compile(r"(\d{4})\.(\d{2})")
TOTALS = ("총계", "합계")
PAGE = re.compile(r"pageNo=(\d+)")


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the newest 24 months of every code the catalogue uses, all countries, twelve months at a time.

    Raises:
        ConfigError: there is no key.
    """
    if not key:
        raise ConfigError(f"the Korean portal needs a key; set {SPEC.key_setting} (free at https://www.data.go.kr)")
    year, month = next(months_out(LAG.available_at, now))
    plan = []
    for back in range(CALLS_BACK):
        last = month_before(year, month, back * MONTHS_PER_CALL)
        first = month_before(*last, MONTHS_PER_CALL - 1)
        span = f"strtYymm={first[0]}{first[1]:02d}&endYymm={last[0]}{last[1]:02d}"
        plan += [
            Request(
                f"{endpoint}?{span}&hsSgn={code}&pageNo=1&numOfRows={ROWS_PER_PAGE}&serviceKey={quote(key, safe='')}",
                f"korea_customs_{code}_{last[0]}{last[1]:02d}.xml",
            )
            for code in used_codes()
        ]
    return plan


def follow(request: Request, path: Path) -> list[Request]:
    """Give the next page, if the answer counts more items than its pages so far could hold."""
    _, promised = _items(path)
    page = PAGE.search(request.address)
    if page is None or promised is None or promised <= int(page[1]) * ROWS_PER_PAGE:
        return []
    following = int(page[1]) + 1
    name = f"{path.stem.split('_p')[0]}_p{following}{path.suffix}"
    return [Request(PAGE.sub(f"pageNo={following}", request.address), name)]


def parse(path: Path) -> pd.DataFrame:
    """Read an answer into `customs_rows.RAW_COLUMNS`: two lines per item, with the item's number as `row`.

    Raises:
        BadInput: missing, damaged, an error of the service, an item without a field, or fewer items than it counts.
    """
    items, promised = _items(path)
    if promised is not None and len(items) < min(promised, ROWS_PER_PAGE) and "_p" not in path.stem:
        raise BadInput(
            where=str(path),
            expected=f"the {promised} items it counts",
            found=f"{len(items)}",
            remedy="The answer is cut off; ask for it again.",
        )
    lines = []
    for number, item in enumerate(items, start=1):
        missing = [name for name in NEEDED if name not in item]
        if missing:
            raise BadInput(
                where=f"{path}, item {number}",
                expected=f"the fields {', '.join(NEEDED)}",
                found=f"no {', '.join(missing)}",
                remedy="Has the interface changed?",
            )
        lines += _lines(number, item)
    return raw_lines(pd.DataFrame(lines))


def _lines(number: int, item: dict[str, str]) -> list[dict[str, object]]:
    month, is_total = MONTH.fullmatch(item["year"]), item["year"] in TOTALS
    when = "" if is_total else f"{month[1]}{month[2]}" if month else item["year"]
    return [
        {
            "row": number,
            "kind": "total" if is_total or item["statCd"] == "-" else "line",
            "flow": flow,
            "first": when,
            "last": when,
            "reporter": HOME,
            "partner": item["statCd"].replace("-", ""),
            "hs_code": item["hsCd"].replace("-", ""),
            "value": item[value],
            "quantity": item[weight],
            "unit": "kg",
        }
        for flow, (value, weight) in DIRECTIONS.items()
    ]


def _items(path: Path) -> tuple[list[dict[str, str]], int | None]:
    return _json(path) if path.suffix == ".json" else _xml(path)


def _xml(path: Path) -> tuple[list[dict[str, str]], int | None]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        # A reader would expand entities without end.
        if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
            raise ValueError("a document type declaration")
        root = ElementTree.fromstring(text)
    except (OSError, ValueError, ElementTree.ParseError) as problem:
        raise _no_answer(path, f"{type(problem).__name__}: {problem}") from None
    _check_code(path, root.findtext(".//resultCode"), " ".join(root.itertext()))
    items = [{cell.tag: (cell.text or "").strip() for cell in item} for item in root.iter("item")]
    return items, _count(root.findtext(".//totalCount"))


def _json(path: Path) -> tuple[list[dict[str, str]], int | None]:
    told = read_json(path)
    try:
        head, body = told["response"]["header"], told["response"].get("body") or {}
        _check_code(path, str(head["resultCode"]), str(head))
        found = (body.get("items") or {}).get("item", [])
    except (KeyError, TypeError, AttributeError) as problem:
        raise _no_answer(path, f"{type(problem).__name__}: {problem}") from None
    # A single item is not put into a list.
    found = found if isinstance(found, list) else [found]
    items = [{name: "" if cell is None else str(cell).strip() for name, cell in item.items()} for item in found]
    return items, _count(str(body.get("totalCount", "")))


def _check_code(path: Path, code: str | None, words: str) -> None:
    if (code or "").strip() != "00":
        raise _no_answer(path, f"code {code}: {' '.join(words.split())[:120]}")


def _count(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None


def _no_answer(path: Path, found: str) -> BadInput:
    return BadInput(
        where=str(path),
        expected="an answer of the service with result code 00",
        found=found.splitlines()[0],
        remedy="Is the key right, the quota left, the file whole?",
    )


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`: imports as the importer's, exports as the supplier's own figures.

    Raises:
        BadInput: the items do not add up to the total.
    """
    office = Office(
        source=SPEC.name,
        country=by_iso2(catalog, {}),
        known_at=lag.available_at,
        units={"kg": MASS["kg"]},
        usd_per_value=1.0,
        outside=frozenset({"ZZ"}),
        code_lengths=(2, 4, 6, 8, 10),
    )
    return harvest(raw, catalog, office, file=file, now=now)
