"""ComexStat: Brazil's monthly exports and imports by partner and NCM code -> `mirror_trade`.

The fastest customs figures known: a month is out early in the next. Exports are the supplier's own figures
(`reported_by` "supplier"), imports the importer's. Values are US dollars FOB, weights net kilograms; NCM has
eight digits.

- **JSON** of the API, one calendar year and direction per file. The answer does not say its direction: the file's name
  does (`comexstat_export_2025.json`). A period across two years, or a country written as a number, is answered
  with success and an empty list, so an empty list is refused and each year is asked for by itself.
- **CSV** of the bulk files, `EXP_2025.csv` or `IMP_2025.csv`: a row per state, port and means of transport, which are
  summed. The partner is a number; `comexstat_countries.csv` holds the publisher's table (bd/tabelas/PAIS.csv), since
  fetched files lie apart from each other. Too large to fetch each week: for whoever brings them.

The quantity in statistical units is not read: it is not always in the unit it names. The API wants about twenty
seconds between calls.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pandas as pd

from features.catalog import Catalog
from features.errors import BadInput
from features.knowledge_time import MonthLag
from features.sources.customs_months import headings, months_out, read_json
from features.sources.customs_places import by_name, by_table, outside
from features.sources.customs_rows import MASS, Office, harvest, raw_lines
from features.sources.spec import Harvest, Request, SourceSpec, reading

__all__ = ["FILES", "SPEC", "harmonise", "parse", "requests"]

LAG = MonthLag(months=1, day=10)
SPEC = SourceSpec(
    name="comexstat",
    title="ComexStat: Brazil's foreign trade by month, country and NCM",
    publisher="Ministério do Desenvolvimento, Indústria, Comércio e Serviços (MDIC/SECEX), Brazil",
    address="https://comexstat.mdic.gov.br",
    licence="see the publisher's terms",
    citation="MDIC/SECEX, ComexStat, comexstat.mdic.gov.br",
    cadence="monthly",
    lag=LAG,
    lag_rule="month m is available on the 10th of m+1",
    fills=("mirror_trade",),
    takes="the API's JSON as comexstat_export_YYYY.json or comexstat_import_YYYY.json, or CSV EXP_YYYY or IMP_YYYY",
    endpoint="https://api-comexstat.mdic.gov.br/general",
    hosts=("api-comexstat.mdic.gov.br",),
    requests_per_minute=3,
    max_megabytes=400,
    stale_after_days=60,
    seen_live=False,
)
FILES = ("comexstat_*.json", "EXP_*.csv", "IMP_*.csv")

HOME, YEARS = "BRA", 4
NAME = re.compile(r"comexstat_(export|import)_(\d{4})")
WANTED = ("coNcm", "year", "monthNumber", "country", "metricFOB", "metricKG")
BULK = ["CO_ANO", "CO_MES", "CO_NCM", "CO_PAIS", "KG_LIQUIDO", "VL_FOB"]
BULK_NAMES = {"EXP": "export", "IMP": "import"}


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for the newest four calendar years, up to the newest month out, exports and imports apart."""
    year, month = next(months_out(LAG.available_at, now))
    return [
        Request(f"{endpoint}?language=en", f"comexstat_{flow}_{each}.json", method="POST", body=_body(flow, each, last))
        for flow in ("export", "import")
        for each, last in [(year, month), *((year - back, 12) for back in range(1, YEARS))]
    ]


def _body(flow: str, year: int, last: int) -> dict[str, object]:
    return {
        "flow": flow,
        "monthDetail": True,
        "period": {"from": f"{year}-01", "to": f"{year}-{last:02d}"},
        "filters": [{"filter": "heading", "values": headings()}],
        "details": ["country", "ncm"],
        "metrics": ["metricFOB", "metricKG"],
    }


def parse(path: Path) -> pd.DataFrame:
    """Read a payload into `customs_rows.RAW_COLUMNS`.

    Raises:
        BadInput: missing, damaged, an empty or unsuccessful answer, other fields, or a name without direction.
    """
    return _bulk(path) if path.suffix.lower() == ".csv" else _answer(path)


def _answer(path: Path) -> pd.DataFrame:
    told, named = read_json(path), NAME.match(path.name)
    try:
        records, is_fine = told["data"]["list"], told["success"] is True
    except (KeyError, TypeError):
        records, is_fine = [], False
    if not is_fine or not records or named is None:
        said = told.get("message") if isinstance(told, dict) else told
        found = "a name without direction" if named is None else "no rows" if is_fine else str(said)[:120]
        raise BadInput(
            where=str(path),
            expected="a successful answer with rows, named comexstat_export_YYYY.json or comexstat_import_YYYY.json",
            found=found,
            remedy="A wrong filter or a period across two years is answered with an empty list; ask by calendar year.",
        )
    table = pd.DataFrame(records)
    missing = [name for name in WANTED if name not in table]
    if missing:
        raise BadInput(
            where=f"{path}, data.list",
            expected=f"the fields {', '.join(WANTED)}",
            found=f"{', '.join(missing)} missing",
            remedy="Ask for the details country and ncm, by month; or has the interface changed?",
        )
    month = table["year"].astype("str") + table["monthNumber"].astype("str").str.zfill(2)
    return raw_lines(
        pd.DataFrame(
            {
                "row": range(1, len(table) + 1),
                # Rows of another year than was asked for are not this answer.
                "first": month.where(month.str.startswith(named[2]), ""),
                "last": month,
                "flow": named[1],
                "reporter": HOME,
                "partner": table["country"].astype("str").str.strip(),
                "hs_code": table["coNcm"].astype("str"),
                "value": table["metricFOB"].astype("str"),
                "quantity": table["metricKG"].astype("str"),
                "unit": "kg",
            }
        )
    )


def _bulk(path: Path) -> pd.DataFrame:
    flow = BULK_NAMES.get(path.name[:3].upper())
    expected = f"a CSV with ; and the columns {', '.join(BULK)}"
    remedy = "Is this EXP_YYYY.csv or IMP_YYYY.csv of the publisher, and is it whole?"
    with reading(path, expected=expected, remedy=remedy, also=(ValueError,)):
        table = pd.read_csv(path, sep=";", dtype="str", keep_default_na=False, encoding="latin-1", usecols=BULK)
    if flow is None or table.empty:
        raise BadInput(
            where=str(path),
            expected="rows, and a name that begins with EXP or IMP",
            found="none" if table.empty else path.name,
            remedy="Keep the publisher's name: it alone tells the direction.",
        )
    month = table["CO_ANO"] + table["CO_MES"].str.zfill(2)
    return raw_lines(
        pd.DataFrame(
            {
                "row": range(1, len(table) + 1),
                "first": month,
                "last": month,
                "flow": flow,
                "reporter": HOME,
                "partner": table["CO_PAIS"],
                "hs_code": table["CO_NCM"],
                "value": table["VL_FOB"],
                "quantity": table["KG_LIQUIDO"],
                "unit": "kg",
            }
        )
    )


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: MonthLag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`; states, ports and means of transport are summed."""
    is_bulk = raw["partner"].str.fullmatch(r"\d+").any()
    office = Office(
        source=SPEC.name,
        country=by_table(SPEC.name, HOME) if is_bulk else by_name(catalog, SPEC.name),
        known_at=lag.available_at,
        units={"kg": MASS["kg"]},
        usd_per_value=1.0,
        outside=outside(SPEC.name) | {"Not defined", "Not declared", "To define", "Central Banks"},
        code_lengths=(8,),
        is_split=bool(is_bulk),
    )
    return harvest(raw, catalog, office, file=file, now=now)
