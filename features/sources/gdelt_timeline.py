"""Timelines of how much and in which tone the world's news speak of a theme, by GDELT -> `geopolitics`, the world.

Payloads, all of them a figure a day:

- CSV of a relay: `date`, and `<theme>_tone` and `<theme>_vol` of several themes. Of these only `trade_geo` is taken,
  as `gdelt_trade_geo_tone` and `gdelt_trade_geo_volume`; which query stands behind it its makers do not say.
- JSON or CSV of the DOC interface (`mode=timelinetone` or `timelinevol`), kept under the name
  `<theme>-timelinetone.json` and so on, since an answer does not name its theme. Such a theme gets the indicators
  `gdelt_<theme>_tone` and `gdelt_<theme>_volume`; `trade_geo` is the relay's and is refused.

Tone is GDELT's, about -10 to 10. Volume is told in per cent of all articles GDELT watched that day and stored as a
fraction. A day without a figure is left out, not zero.

A day is known from the Tuesday after its week: the figures are settled by then and are read weekly. Nothing is
fetched: the interface turns away the first request of an address it does not know (429), so the weekly path has
GDELT's files only.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog
from features.datasets import MOMENT, dataset
from features.errors import BadInput
from features.knowledge_time import Lag
from features.sources.spec import Harvest, SourceSpec, reading, reject_rows
from features.weeks import monday_before

__all__ = ["FILES", "FOLDERS", "SPEC", "harmonise", "parse"]

SPEC = SourceSpec(
    name="gdelt_timeline",
    title="GDELT timelines of a theme's tone and volume",
    publisher="The GDELT Project; the relay's themes are its makers'",
    address="https://blog.gdeltproject.org/gdelt-doc-2-0-api-debuts/",
    licence="free for any use, with citation and a link",
    citation="The GDELT Project, https://www.gdeltproject.org/",
    cadence="daily",
    lag=None,
    lag_rule="a day is available from the Tuesday after its week",
    fills=("geopolitics",),
    takes="a relay's gdelt_daily CSV, or answers of the DOC interface, named <theme>-timelinetone or -timelinevol",
    stale_after_days=21,
)
FOLDERS = ("gdelt", "gdelt_timeline")
FILES = ("gdelt_daily*.csv", "*-timelinetone*.json", "*-timelinevol*.json", "*-timelinetone*.csv", "*-timelinevol*.csv")

RELAYED = "trade_geo"
NAMED = re.compile(r"([a-z][a-z0-9_]*)-timeline(tone|vol)\b.*")
KINDS = {"tone": "tone", "vol": "volume"}
SERIES = {"tone": "Average Tone", "vol": "Volume Intensity"}
LARGEST = {"tone": 100.0, "volume": 1.0}
SINCE = pd.Timestamp("2013-04-01", tz="UTC")
MOST_BYTES = 50_000_000
A_DAY = pd.Timedelta(days=1)


def parse(path: Path) -> pd.DataFrame:
    """Read a timeline as row, indicator, kind (tone or volume), date and value (both as text); `attrs` has `counts`.

    Raises:
        BadInput: the file is missing, damaged or too large, has no figures, or does not tell its theme.
    """
    if not path.exists():
        raise _refusal(path, "a file", "nothing", "Check the path.")
    if path.stat().st_size > MOST_BYTES:
        raise _refusal(path, f"at most {MOST_BYTES // 1_000_000} MB", f"{path.stat().st_size} bytes")
    also = (ValueError, KeyError, TypeError, AttributeError, csv.Error)
    with reading(path, expected="a timeline of GDELT", remedy="Is this the right file?", also=also):
        text = path.read_text(encoding="utf-8-sig")
        table = _of_interface(path, text) if NAMED.fullmatch(path.stem) else _of_relay(path, text)
    if table.empty:
        raise _refusal(path, "figures", "none", "Download it again.")
    return table


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag | None, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `geopolitics` about the world; days whose week is not over are left out."""
    rows = raw[raw["value"].ne("")].reset_index(drop=True)
    date = pd.to_datetime(rows["date"], format="%Y-%m-%d", errors="coerce", utc=True).astype(MOMENT)
    share = rows["kind"].map({"tone": 1.0, "volume": 0.01})
    value = pd.to_numeric(rows["value"], errors="coerce") * share
    most = rows["kind"].map(LARGEST)
    # Sunday is complete only some minutes into Monday, so that a Monday's forecast at 00:00 could not have it.
    known = (monday_before(date.fillna(SINCE)) + pd.Timedelta(weeks=1) + A_DAY).astype(MOMENT)
    checks = (
        ("date", date.isna() | (date < SINCE), "no day written YYYY-MM-DD since April 2013"),
        ("date", date > pd.Timestamp(now), f"a day after {now.date()}"),
        ("date", rows.duplicated(["indicator", "date"], keep=False), "a day told twice"),
        ("value", ~value.between(most.where(rows["kind"].eq("tone"), 0.0) * -1, most), "no such tone or share"),
    )
    rejected, is_bad = reject_rows(rows, checks, file=file)
    is_over = known <= pd.Timestamp(now)
    good = ~is_bad & is_over
    facts = pd.DataFrame(
        {
            "indicator": rows.loc[good, "indicator"],
            "country": "",
            "partner": "",
            "frequency": "day",
            "starts_on": date[good],
            "value": value[good],
            "available_at": known[good],
            "source": SPEC.name,
            "is_retracted": False,
        }
    )
    counts = dict(raw.attrs.get("counts", {})) | {
        "days without a figure": len(raw) - len(rows),
        "figures of a week that is not over": int((~is_bad & ~is_over).sum()),
    }
    types = dataset("geopolitics").types
    return Harvest({"geopolitics": facts[list(types)].astype(types)}, rejected, counts)


def _of_relay(path: Path, text: str) -> pd.DataFrame:
    header, *lines = csv.reader(text.splitlines())
    wanted = {f"{RELAYED}_{kind}": name for kind, name in KINDS.items()}
    if header[:1] != ["date"] or not set(wanted) <= set(header):
        raise _refusal(
            path,
            f"the columns date, {', '.join(wanted)}, or an answer named <theme>-timelinetone or <theme>-timelinevol",
            ",".join(header)[:200],
        )
    for number, line in enumerate(lines, 1):
        if len(line) != len(header):
            raise _refusal(path, f"{len(header)} cells", f"{len(line)} in row {number}", "Is it cut off?")
    found = []
    for column, kind in wanted.items():
        at = header.index(column)
        found += [
            {
                "row": row,
                "indicator": f"gdelt_{RELAYED}_{kind}",
                "kind": kind,
                "date": line[0],
                "value": line[at].strip(),
            }
            for row, line in enumerate(lines, 1)
        ]
    table = pd.DataFrame(found)
    table.attrs["counts"] = {"columns of other themes": len(header) - 1 - len(wanted)}
    return table


def _of_interface(path: Path, text: str) -> pd.DataFrame:
    theme, short = _named(path)
    points = _points_of_json(text) if path.suffix == ".json" else _points_of_csv(path, text)
    kind = KINDS[short]
    rows = [
        {"row": row, "indicator": f"gdelt_{theme}_{kind}", "kind": kind, "date": _day(date), "value": value}
        for row, (series, date, value) in enumerate(points, 1)
        if series == SERIES[short]
    ]
    if not rows:
        raise _refusal(path, f"the series {SERIES[short]}", f"{sorted({point[0] for point in points})}"[:200])
    table = pd.DataFrame(rows)
    table.attrs["counts"] = {"figures of other series": len(points) - len(rows)}
    return table


def _named(path: Path) -> tuple[str, str]:
    found = NAMED.fullmatch(path.stem)
    theme, short = found.groups() if found else ("", "")
    if theme == RELAYED:
        raise _refusal(path, f"another theme than {RELAYED}, which is the relay's", theme, "Rename the file.")
    return theme, short


def _points_of_json(text: str) -> list[tuple[str, str, str]]:
    told: dict[str, Any] = json.loads(text)
    return [
        (str(series["series"]), str(point["date"]), str(point["value"]))
        for series in told["timeline"]
        for point in series["data"]
    ]


def _points_of_csv(path: Path, text: str) -> list[tuple[str, str, str]]:
    header, *lines = csv.reader(text.splitlines())
    if header != ["Date", "Series", "Value"]:
        raise _refusal(path, "the columns Date, Series and Value", ",".join(header)[:200])
    return [(series, date, value.strip()) for date, series, value in lines]


def _day(date: str) -> str:
    """Write the moment of a day as YYYY-MM-DD; what is shorter than a day stays as it is, and is rejected."""
    found = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)(?:T?0{6}Z?)?", date)
    return "-".join(found.groups()) if found else date


def _refusal(path: Path, expected: str, found: str, remedy: str = "Is this the right file?") -> BadInput:
    return BadInput(where=str(path), expected=expected, found=found, remedy=remedy)
