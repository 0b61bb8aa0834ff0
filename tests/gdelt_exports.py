"""Exports of GDELT as it serves them, with only what a test is about, and what a source makes of them."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from features import datasets
from features.catalog import load_catalog
from features.sources import gdelt
from features.sources.gdelt_layouts import LAYOUTS
from features.sources.spec import Harvest

NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)
MONDAY = dt.date(2016, 7, 25)
DAYS = [MONDAY + dt.timedelta(days=day) for day in range(7)]


def harvest(path: Path, now: dt.datetime = NOW) -> Harvest:
    return gdelt.harmonise(gdelt.parse(path), load_catalog(), file=path.name, lag=None, now=now)


def rows(found: Harvest) -> pd.DataFrame:
    return datasets.check("geopolitics", found.tables["geopolitics"], where="gdelt")


def value(found: Harvest, indicator: str, country: str = "", partner: str = "") -> float | None:
    table = found.tables["geopolitics"]
    hit = table[table["indicator"].eq(indicator) & table["country"].eq(country) & table["partner"].eq(partner)]
    return None if hit.empty else hit["value"].item()


def event(day: dt.date, article: object, *, actors: Sequence[str] = ("", ""), place: str = "", root: int = 1,
          tone: float = 0.0, slot: int = 0) -> dict[str, object]:  # fmt: skip
    quad = 1 if root <= 5 else 2 if root <= 8 else 3 if root <= 14 else 4
    return locals() | {"article": article if isinstance(article, str) else f"https://example.org/{article}"}


def line(told: dict, width: int = 58) -> bytes:
    layout, cells = LAYOUTS[width], [b""] * width
    moment = dt.datetime.combine(told["day"], dt.time(), dt.UTC) + dt.timedelta(minutes=15 * told["slot"])
    texts = {
        0: "564111644", 1: "20060731", layout.actor1: told["actors"][0], layout.actor2: told["actors"][1],
        layout.root: f"{told['root']:02d}", layout.quad: told["quad"], layout.tone: told["tone"],
        layout.place: told["place"], layout.date_added: moment.strftime(layout.date_form),
    }  # fmt: skip
    if layout.address is not None:
        texts[layout.address] = told["article"]
    for at, text in texts.items():
        cells[at] = str(text).encode()
    return b"\t".join(cells) + b"\n"


def packed(name: str, *bodies: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, body in enumerate(bodies):
            archive.writestr(f"{number or ''}{name}", body)
    return file.getvalue()


def write(path: Path, events: Sequence[dict], width: int = 58, extra: Sequence[tuple[str, bytes]] = ()) -> Path:
    """Write a week as GDELT serves it: zips of one export each, in one zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for day in sorted({told["day"] for told in events}):
            name = f"{day:%Y%m%d}.export.CSV"
            body = b"".join(line(told, width) for told in events if told["day"] == day)
            archive.writestr(f"{name}.zip", packed(name, body))
        for name, body in extra:
            archive.writestr(name, body)
    return path


def filling(days: Sequence[dt.date] = tuple(DAYS), **other) -> list[dict]:
    """One event a day that happens nowhere, each of an article of its own."""
    return [event(day, f"https://example.org/filling/{day}", **other) for day in days]
