"""Small payloads of the customs sources in their documented shapes, each with a total where the publisher gives one."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from features.catalog import load_catalog
from features.sources.spec import Harvest

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

CENSUS_HEADER = ("CTY_CODE", "CTY_NAME", "I_COMMODITY", "GEN_VAL_MO", "GEN_VAL_YR", "GEN_QY1_MO", "GEN_QY1_YR",
                 "UNIT_QY1", "COMM_LVL", "SUMMARY_LVL", "time", "I_COMMODITY")  # fmt: skip
TAIWAN_HEADER = ("進出口別", "日期", "貨品號列", "中文貨名", "國家", "重量(公斤)", "新臺幣(千元)", "美元(千元)")
SDMX_HEADER = ("DATAFLOW", "LAST UPDATE", "freq", "reporter", "partner", "product", "flow", "indicators",
               "TIME_PERIOD", "OBS_VALUE", "OBS_FLAG")  # fmt: skip


def read(module: ModuleType, path: Path, *, now: dt.datetime = NOW) -> Harvest:
    """Give what a payload comes to."""
    harvest: Harvest = module.harmonise(
        module.parse(path), load_catalog(), file=path.name, lag=module.SPEC.lag, now=now
    )
    return harvest


def write_csv(path: Path, rows: Sequence[Sequence[object]], *, encoding: str = "utf-8", sep: str = ",") -> Path:
    """Write rows as CSV."""
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=sep).writerows(rows)
    return path


def census_row(code: str = "5700", name: str = "CHINA", hs: str = "8112921000", **other: str) -> list[str]:
    """One row of the Census Bureau's answer: 100 dollars and 10 kg in February 2025, 300 and 30 since January."""
    usual = {"value": "100", "year": "300", "kg": "10", "year_kg": "30", "unit": "KG", "level": "DET"}
    said = usual | {"time": "2025-02"} | other
    return [code, name, hs, said["value"], said["year"], said["kg"], said["year_kg"], said["unit"],
            f"HS{len(hs)}", said["level"], said["time"], hs]  # fmt: skip


def census(folder: Path, rows: Sequence[Sequence[str]] | None = None, header: Sequence[str] = CENSUS_HEADER) -> Path:
    """Write an answer of the Census Bureau: two countries, their total, and a bloc."""
    if rows is None:
        rows = [
            census_row("-", "TOTAL FOR ALL COUNTRIES", value="300", year="700", kg="30", year_kg="70"),
            census_row(),
            census_row("5800", "KOREA, SOUTH", value="200", year="400", kg="20", year_kg="40"),
            census_row("0003", "EUROPEAN UNION", value="50"),
            census_row("5XXX", "ASIA", value="300"),
        ]
    path = folder / "us_census_8112_2025-01_2025-02.json"
    path.write_text(json.dumps([list(header), *rows]))
    return path


def taiwan(
    folder: Path, rows: Sequence[Sequence[str]] | None = None, header: Sequence[str] = TAIWAN_HEADER, **other: str
) -> Path:
    """Write what a person exports: notes, the header, two countries and their total."""
    if rows is None:
        way, code = "進口總值(含復進口)", "28053000001"
        rows = [
            (way, "114年05月", code, "稀土金屬", "中國大陸", "12,000", "30,000", "1,000"),
            (way, "114年05月", code, "稀土金屬", "日本", "500", "900", "30"),
            (way, "114年05月", code, "稀土金屬", "合計", "12,500", "30,900", "1,030"),
        ]
    notes = [("海關進出口統計",), ("列印日期", "115/11/20")]
    path = folder / other.get("name", "GA30.csv")
    return write_csv(path, [*notes, header, *rows, ("資料來源:關務署",)], encoding=other.get("encoding", "cp950"))


def brazil(folder: Path, records: Sequence[Mapping[str, str]] | None = None, **other: object) -> Path:
    """Write an answer of ComexStat: niobium ore to China and to the Netherlands in May 2025."""
    usual = {"coNcm": "26159000", "year": "2025", "monthNumber": "05", "ncm": "ores"}
    if records is None:
        records = [
            usual | {"country": "China", "metricFOB": "5000", "metricKG": "2000"},
            usual | {"country": "Netherlands", "metricFOB": "700", "metricKG": "300"},
        ]
    told = {"data": {"list": records}, "success": True, "message": None} | other
    path = folder / "comexstat_export_2025.json"
    path.write_text(json.dumps(told))
    return path


def sdmx_row(partner: str, indicator: str, value: str, **other: str) -> list[str]:
    """One figure of Comext: German imports of rare-earth compounds in May 2025."""
    said = {"reporter": "DE", "product": "284690", "flow": "1", "month": "2025-05", "flag": "", "freq": "M"} | other
    return ["ESTAT:DS-045409(1.0)", "16/09/25 11:00:00", said["freq"], said["reporter"], partner, said["product"],
            said["flow"], indicator, said["month"], value, said["flag"]]  # fmt: skip


def comext(folder: Path, rows: Sequence[Sequence[str]] | None = None) -> Path:
    """Write an answer of Comext: China, the Netherlands, a group of partners, and the Union's own row."""
    if rows is None:
        rows = [
            row
            for partner, kg, reporter in (
                ("CN", "120.5", "DE"),
                ("NL", "8", "DE"),
                ("EXT_EU27_2020", "120.5", "DE"),
                ("CN", "500", "EU27_2020"),
            )
            for row in (
                sdmx_row(partner, "VALUE_IN_EUROS", "90000", reporter=reporter),
                sdmx_row(partner, "QUANTITY_IN_100KG", kg, reporter=reporter),
            )
        ]
    return write_csv(folder / "comext_2025-05_2025-05_00.csv", [SDMX_HEADER, *rows])


def hmrc_row(country: str = "CN", **other: object) -> dict[str, object]:
    """One line of the United Kingdom's imports from outside the EU: 1,000 kg of magnesium in May 2025."""
    usual = {"MonthId": 202505, "FlowTypeId": 3, "SuppressionIndex": 0, "CommodityId": 81041100, "CommoditySitcId": 1,
             "CountryId": 720, "PortId": 1, "Value": 5000.0, "NetMass": 1000.0, "SuppUnit": None}  # fmt: skip
    return usual | {"Country": {"CountryCodeAlpha": country, "CountryName": country}} | other


def hmrc(folder: Path, rows: Sequence[Mapping[str, object]] | None = None, **other: object) -> Path:
    """Write a page of the United Kingdom: one flow through two ports."""
    records = [hmrc_row(), hmrc_row(PortId=2, NetMass=500.0)] if rows is None else rows
    path = folder / "uk_hmrc_8104_202505_202505.json"
    path.write_text(json.dumps({"@odata.context": "x", "value": list(records)} | other))
    return path


def korea_item(country: str = "CN", **other: str) -> dict[str, str]:
    """One item of Korea's service: imports only, 700 dollars and 1,000 kg in May 2025."""
    usual = {"year": "2025.05", "statCd": country, "hsCd": "8112921000", "statKor": "x", "statCdCntnKor1": "x"}
    return usual | {"impDlr": "700", "impWgt": "1000", "expDlr": "0", "expWgt": "0", "balPayments": "-700"} | other


def korea(folder: Path, items: Sequence[Mapping[str, str]] | None = None, code: str = "00", extra: str = "") -> Path:
    """Write an answer of Korea's service: the total, then two countries."""
    if items is None:
        sums = {"year": "총계", "hsCd": "-", "impDlr": "1000", "impWgt": "1400"}
        items = [korea_item("-", **sums), korea_item(), korea_item("JP", impDlr="300", impWgt="400")]
    body = "".join("<item>" + "".join(f"<{k}>{v}</{k}>" for k, v in item.items()) + "</item>" for item in items)
    path = folder / "korea_customs_811292_202505.xml"
    path.write_text(
        f"<response><header><resultCode>{code}</resultCode><resultMsg>said so</resultMsg></header>"
        f"<body><items>{body}</items>{extra}</body></response>"
    )
    return path


def japan_row(
    country: str = "105", hs: str = "'811292000'", unit: tuple[str, str] = ("", "KG"), **months: int
) -> list[str]:
    """One row of Japan's table: per month given (Jan=5) that many units and ten times as many thousand yen."""
    cells = [[0, months.get(month, 0), 10 * months.get(month, 0)] for month in MONTHS]
    year = [sum(each) for each in zip(*cells, strict=True)]
    return ["2", "2025", hs, country, *unit, *map(str, year), *(str(figure) for each in cells for figure in each)]


def japan(folder: Path, rows: Sequence[Sequence[str]] | None = None, name: str = "estat_japan_2025_to_02.csv") -> Path:
    """Write Japan's table, out up to February."""
    header = ["Exp or Imp", "Year", "HS", "Country", "Unit1", "Unit2"]
    header += [f"{what}-{span}" for span in ("Year", *MONTHS) for what in ("Quantity1", "Quantity2", "Value")]
    return write_csv(folder / name, [header, *([japan_row(Jan=100, Feb=50)] if rows is None else rows)])


def india(
    folder: Path,
    rows: Sequence[Sequence[str]] | None = None,
    *,
    option: str = "US $ Million",
    months: Sequence[str] = ("May-2024 (R)", "May-2025 (F)", "Jan-May2024", "Jan-May2025"),
) -> Path:
    """Write India's answer page with its form: two countries and their total."""
    if rows is None:
        rows = [
            ("1", "CHINA P RP", "1.10", "2.00", "81.8", "6.00", "9.50", "58.3"),
            ("2", "KOREA RP", "0.40", "0.00", "-100.0", "2.00", "1.00", "-50.0"),
            ("", "Total", "1.50", "2.00", "33.3", "8.00", "10.50", "31.2"),
        ]
    header = ["S.No.", "Country", months[0], months[1], "%Growth", months[2], months[3], "%Growth"]
    table = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in [header, *rows])
    path = folder / "answer.html"
    path.write_text(
        "<html><form><input type='hidden' name='_token' value='x'><input name='cwacimHSCODE' value='28053000'>"
        "<select name='cwacimReportVal'><option value='9'>Rupees Crore</option>"
        f"<option value='2' selected>{option}</option></select></form>"
        f"<p>Commodity: 28053000 RARE EARTH METALS Unit: KGS</p><table>{table}</table></html>"
    )
    return path
