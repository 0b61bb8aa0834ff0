"""HM Revenue and Customs: the United Kingdom's monthly trade by partner and CN8 code -> `mirror_trade`.

Payload: a page of the OData interface (OTS) with `Country` expanded. Flows 1 and 3 are imports from the EU and from
elsewhere, 2 and 4 exports. Trade with countries outside the EU stands by port; the ports are summed. A page that
names a next one (`@odata.nextLink`) promises more, which `follow` asks for; whoever brings pages has to bring them all.

Values are pounds and no rate is known: `value_usd` is missing, the net mass carries the signal. A line with a
`SuppressionIndex` is withheld in part: it is trade whose figures are not shown, so it becomes a row without figures,
never a zero. Codes below nought are estimates of trade too small to be declared and belong to no product.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.customs_months import headings, months_out, read_json
from features.sources.customs_places import GEONOM, GEONOM_OUTSIDE, by_iso2
from features.sources.customs_rows import MASS, Office, harvest, raw_lines
from features.sources.spec import Harvest, Request, SourceSpec

__all__ = ["FILES", "SPEC", "follow", "harmonise", "parse", "requests"]

LAG = MonthLag.after_end(60)
SPEC = SourceSpec(
    name="uk_hmrc",
    title="UK overseas trade statistics by month, country and CN8 code",
    publisher="HM Revenue and Customs, United Kingdom",
    address="https://www.uktradeinfo.com",
    licence="Open Government Licence v3.0",
    citation="HM Revenue and Customs, UK Trade Info, Overseas Trade Statistics",
    cadence="monthly",
    lag=LAG,
    lag_rule="month m is available on the 60th day after its end",
    fills=("mirror_trade",),
    takes="pages of the OData interface OTS in JSON, with Country expanded",
    may_redistribute=True,
    endpoint="https://api.uktradeinfo.com/OTS",
    hosts=("api.uktradeinfo.com",),
    requests_per_minute=30,
    stale_after_days=110,
    seen_live=False,
)
FILES = ("uk_hmrc_*.json",)

HOME, MONTHS_BACK = "GB", 25
FLOWS = {"1": "import", "2": "export", "3": "import", "4": "export"}
WANTED = ("MonthId", "FlowTypeId", "SuppressionIndex", "CommodityId", "Value", "NetMass", "Country")
NEXT = "@odata.nextLink"


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask, heading by heading, for the newest 25 months, all flows and countries."""
    out = months_out(LAG.available_at, now)
    months = [f"{year}{month:02d}" for year, month in (next(out) for _ in range(MONTHS_BACK))]
    period = f"MonthId%20ge%20{months[-1]}%20and%20MonthId%20le%20{months[0]}"
    return [
        Request(
            f"{endpoint}?$filter={period}%20and%20CommodityId%20ge%20{heading}0000"
            f"%20and%20CommodityId%20le%20{heading}9999&$expand=Country",
            f"uk_hmrc_{heading}_{months[-1]}_{months[0]}.json",
        )
        for heading in headings()
    ]


def follow(request: Request, path: Path) -> list[Request]:
    """Give the page that the page at `path` promises.

    Raises:
        BadInput: the promise leads to the same page again, or to another host.
    """
    link = _page(path).get(NEXT)
    if not link:
        return []
    if str(link) == request.address or urlsplit(str(link)).netloc != urlsplit(request.address).netloc:
        raise BadInput(
            where=f"{path}, {NEXT}",
            expected="another page of the same host",
            found=str(link)[:120],
            remedy="Its paging has changed; nothing was stored.",
        )
    return [Request(str(link), request.name)]


def _page(path: Path) -> dict[str, Any]:
    told = read_json(path)
    if not isinstance(told, dict) or not isinstance(told.get("value"), list):
        raise BadInput(
            where=str(path),
            expected="a page of the interface: JSON with value",
            found=str(told)[:120],
            remedy="Correct the query, or download it again.",
        )
    return told


def parse(path: Path) -> pd.DataFrame:
    """Read a page into `customs_rows.RAW_COLUMNS`; a page without trade gives no row.

    Raises:
        BadInput: missing, no page, or without the fields that are needed.
    """
    records = _page(path)["value"]
    for number, record in enumerate(records, start=1):
        missing = [name for name in WANTED if name not in record]
        country = record.get("Country") or {}
        if missing or "CountryCodeAlpha" not in country:
            raise BadInput(
                where=f"{path}, row {number}",
                expected=f"the fields {', '.join(WANTED)} and Country/CountryCodeAlpha",
                found=f"no {', '.join(missing) or 'Country/CountryCodeAlpha'}",
                remedy="Ask with $expand=Country; or has the interface changed?",
            )
    return raw_lines(pd.DataFrame([_line(number, record) for number, record in enumerate(records, start=1)]))


def _line(number: int, record: dict[str, Any]) -> dict[str, object]:
    flow, code = str(record["FlowTypeId"]).strip(), int(record["CommodityId"])
    kind = "breakdown" if code < 0 else "hidden" if int(record["SuppressionIndex"] or 0) else "line"
    return {
        "row": number,
        "kind": kind,
        "flow": FLOWS.get(flow, flow),
        "first": str(record["MonthId"]),
        "last": str(record["MonthId"]),
        "reporter": HOME,
        "partner": str(record["Country"]["CountryCodeAlpha"]).strip(),
        # A number loses the noughts in front.
        "hs_code": f"{code:08d}" if code >= 0 else str(code),
        "value": "" if record["Value"] is None else str(record["Value"]),
        "quantity": "" if record["NetMass"] is None else str(record["NetMass"]),
        "unit": "kg",
    }


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`, weights only; ports are summed."""
    office = Office(
        source=SPEC.name,
        country=by_iso2(catalog, GEONOM),
        known_at=lag.available_at,
        units={"kg": MASS["kg"]},
        usd_per_value=None,
        outside=GEONOM_OUTSIDE,
        code_lengths=(8,),
        is_split=True,
    )
    return harvest(raw, catalog, office, file=file, now=now)
