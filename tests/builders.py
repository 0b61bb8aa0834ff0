"""Small tables in the shape of the datasets, each call with only what the test is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from features import datasets
from features.knowledge_time import Lag

TRADE_LAG = Lag(years=2, month=2, day=1)
# Real codes of the catalogue, so that the catalogue itself can be used: two of cobalt, one of manganese,
# one of rare earths that only counts from 2000 on.
HS_CODES = {"282200": "cobalt", "810510": "cobalt", "260200": "manganese", "284610": "rare_earths"}
SUPPLIERS = ("AUS", "CHN", "COD")
BUYERS = ("CHN", "DEU", "JPN", "USA")


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC").as_unit("us")


def rows(name: str, records: Iterable[dict]) -> pd.DataFrame:
    """Give `records` as dataset `name`; source and is_retracted are filled in."""
    frame = pd.DataFrame([{"source": "test", "is_retracted": False} | record for record in records])
    if frame.empty:
        return datasets.empty(name)
    types = datasets.dataset(name).types
    for column in (column for column, dtype in types.items() if dtype == datasets.MOMENT):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame[list(types)].astype(types)


def flow(year: int, supplier: str, importer: str, tonnes: float, **other) -> dict:
    """One trade record: cobalt oxide at 10 USD per kg, known at BACI's usual moment."""
    usual = {"hs_code": "282200", "is_imputed": False, "available_at": TRADE_LAG.available_at(year)}
    names = {"year": year, "supplier": supplier, "importer": importer, "quantity_tonnes": float(tonnes)}
    return {"value_usd": 10_000.0 * tonnes} | usual | names | other


def series(supplier: str, tonnes: Sequence[float | None], first: int = 2000, **other) -> list[dict]:
    """One flow a year to Japan; None leaves the year out."""
    years = range(first, first + len(tonnes))
    return [flow(y, supplier, "JPN", t, **other) for y, t in zip(years, tonnes, strict=True) if t is not None]


def event(event_id: str, mineral: str, supplier: str, known: str | pd.Timestamp, **other) -> dict:
    """One tightening export ban or, by `kind`, something else."""
    usual = {"kind": "export_ban", "direction": "tightening", "severity": 2, "confidence": "high", "title": event_id}
    moment = utc(known) if isinstance(known, str) else known
    dates = {"effective_at": pd.NaT, "ended_at": pd.NaT, "available_at": moment}
    # What measures have and incidents have not; `rows` takes the columns of its dataset.
    dates |= {"announced_at": moment - pd.Timedelta(days=1)}
    usual |= {"targeted_importers": "", "hs_codes": "", "evidence": "https://example.org"}
    return {"event_id": event_id, "mineral": mineral, "supplier": supplier} | usual | dates | other


def price(series: str, month: str, value: float, known: str | None = None, **other) -> dict:
    """One monthly price of the World Bank, known on the 4th of the next month."""
    start = utc(f"{month}-01")
    usual = {"source": "pink_sheet", "frequency": "month", "unit": "usd_per_tonne", "starts_on": start}
    moment = start + pd.offsets.MonthBegin(1) + pd.Timedelta(days=3) if known is None else utc(known)
    return usual | {"series": series, "price": float(value), "available_at": moment} | other


def random_prices(seed: int, first: str = "1998-01", months: int = 66) -> pd.DataFrame:
    """Five monthly series and a daily one, with gaps, revisions and withdrawals."""
    rng = np.random.default_rng(seed)
    series = {"Tin": "pink_sheet", "NICKEL": "pink_sheet", "PCOBA": "imf_pcps", "PTIN": "imf_pcps"}
    series |= {"rare_earth_carbonate_reo_42_45_dom": "imf_pcps", "CRUDE_PETRO": "pink_sheet"}
    records = []
    for name, source in series.items():
        value = 100.0
        for start in pd.date_range(first, periods=months, freq="MS", tz="UTC"):
            value *= float(np.exp(rng.normal(0, 0.08)))
            known = start + pd.offsets.MonthBegin(1) + pd.Timedelta(days=3 if source == "pink_sheet" else 15)
            for number in range(rng.choice([0, 1, 2, 3], p=[0.04, 0.86, 0.07, 0.03])):
                record = price(name, f"{start:%Y-%m}", value * float(1 + number * rng.normal(0, 0.1)), source=source)
                is_retracted = bool(number and rng.random() < 0.3)
                records.append(record | {"available_at": known, "is_retracted": is_retracted})
                known += pd.Timedelta(days=int(rng.integers(1, 700)))
    for day in pd.date_range("2002-01-01", periods=150, freq="D", tz="UTC"):
        record = price("nd_99_5_min_fob_china", "2002-01", 60 + float(rng.normal()), source="komis")
        known = day + pd.Timedelta(days=int(rng.choice([1, 40], p=[0.95, 0.05])))
        records.append(record | {"frequency": "day", "starts_on": day, "available_at": known})
    return rows("prices", records)


def random_mirror(seed: int, years: range = range(1999, 2005)) -> pd.DataFrame:
    """Years to date, full years and single months of two buyers and one seller, revised, withheld and withdrawn."""
    rng = np.random.default_rng(seed)
    offices = [("USA", "importer", "usitc_dataweb"), ("JPN", "importer", "comtrade"), ("CHN", "supplier", "comtrade")]
    records = []
    for year in years:
        for place, reported_by, source in offices:
            for code in ("282200", "2602", "28461000"):
                for other in SUPPLIERS:
                    # One office and one pair begin late.
                    is_early = year < 2002 and (place == "JPN" or (place, other, code) == ("USA", "CHN", "2602"))
                    if other == place or is_early or rng.random() < 0.3:
                        continue
                    seller, buyer = (other, place) if reported_by == "importer" else (place, other)
                    about = {"importer": buyer, "reported_by": reported_by, "source": source, "hs_code": code}
                    spans = [(1, 5), (1, 12)] if source == "usitc_dataweb" else [(m, m) for m in (1, 2, 3, 4)]
                    for first, last in spans:
                        record = mirrored(year, last, seller, float(rng.integers(0, 900)), first=first, **about)
                        records += _mirror_versions(rng, record)
    return rows("mirror_trade", records)


def _mirror_versions(rng: np.random.Generator, record: dict) -> list[dict]:
    moment, found = record["available_at"], []
    for number in range(rng.choice([1, 2, 3], p=[0.8, 0.15, 0.05])):
        figures = {} if number == 0 else {"quantity_tonnes": float(rng.integers(0, 900))}
        if rng.random() < 0.05:
            figures = {"value_usd": np.nan, "quantity_tonnes": np.nan}
        is_retracted = bool(number and rng.random() < 0.4)
        found.append(record | figures | {"available_at": moment, "is_retracted": is_retracted})
        moment = moment + pd.Timedelta(days=int(rng.integers(20, 500)))
    return found


def random_trade(seed: int, years: range = range(1998, 2006)) -> pd.DataFrame:
    """Flows with revisions and withdrawals; one flow a year is never withdrawn."""
    rng = np.random.default_rng(seed)
    records = []
    for year in years:
        records.append(flow(year, "AUS", "ITA", 5.0))
        for code in HS_CODES:
            for supplier in SUPPLIERS:
                for importer in BUYERS:
                    if supplier == importer or rng.random() < 0.45:
                        continue
                    records += _versions(rng, year, supplier, importer, code)
    return rows("trade", records)


def _versions(rng: np.random.Generator, year: int, supplier: str, importer: str, code: str) -> list[dict]:
    moment, records = TRADE_LAG.available_at(year), []
    for number in range(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1])):
        tonnes = float(rng.choice([0.0, rng.integers(1, 100), rng.integers(100, 5000)], p=[0.1, 0.3, 0.6]))
        value = float(rng.choice([0.0, tonnes * rng.integers(500, 2000)], p=[0.05, 0.95]))
        records.append(
            flow(
                year,
                supplier,
                importer,
                tonnes,
                hs_code=code,
                value_usd=value,
                is_imputed=bool(rng.random() < 0.3),
                is_retracted=bool(number and rng.random() < 0.3),
                available_at=moment,
            )
        )
        # Mostly with another year's release, sometimes between two.
        gap = pd.DateOffset(years=int(rng.integers(1, 3)), months=3 if year % 4 == 0 else 0)
        moment = pd.Timestamp(moment) + gap
    return records


def mirrored(year: int, month: int, supplier: str, tonnes: float, *, first: int = 1, **other) -> dict:
    """United States imports from `first` to `month`: cobalt oxide at 10 USD per kg, out two months later."""
    last = utc(f"{year}-{month:02d}-01")
    usual = {
        "source": "usitc_dataweb",
        "reported_by": "importer",
        "importer": "USA",
        "hs_code": "282200",
        "basis": "gross",
        "is_estimated": False,
        "available_at": last + pd.DateOffset(months=2, days=7),
    }
    figures = {"value_usd": 10_000.0 * tonnes, "quantity_tonnes": float(tonnes)}
    months = {"first_month": utc(f"{year}-{first:02d}-01"), "last_month": last}
    return usual | figures | months | {"supplier": supplier} | other


def report(number: int, known: str | pd.Timestamp, mineral: str, supplier: str, **other) -> dict:
    """One link of one news item: a strike that happened, under a title like no other number's."""
    usual = {"event_type": "strike", "direction": "tightening", "tense": "happened", "confidence": 0.9}
    usual |= {"feed": "one", "language": "en", "linker": "test", "item_id": f"{number:04x}" * 4}
    # Titles of two numbers have next to nothing in common.
    words = np.random.default_rng(number).choice(list("bcdfghklmnprstvz"), size=40)
    moment = utc(known) if isinstance(known, str) else known
    about = {"mineral": mineral, "supplier": supplier, "available_at": moment, "title": f"Strike: {''.join(words)}"}
    return usual | about | other


def carried(week: str | pd.Timestamp, feeds: Sequence[str] = ("one", "two", "three", "four", "five"), **other) -> list:
    """What feeds carried in the week of a Monday, 100 items each, known when the week is over."""
    start = utc(week) if isinstance(week, str) else week
    usual = {"language": "en", "items": 100, "linked": 3, "polls_ok": 7, "polls_failed": 0, "is_archived": False}
    times = {"week_starts_at": start, "available_at": start + pd.Timedelta(days=7)}
    return [usual | times | {"feed": feed} | other for feed in feeds]


def random_news(seed: int) -> dict[str, pd.DataFrame]:
    """Give `news_links` and `news_coverage` of 2001 to 2004 with syndication, corrections and weeks of feeds down."""
    rng = np.random.default_rng(seed)
    feeds, links, weeks = ("one", "two", "three", "four", "five", "six"), [], []
    for number in range(60):
        known = utc("2001-02-01") + pd.Timedelta(hours=int(rng.integers(0, 24 * 1200)))
        about = {"direction": str(rng.choice(["tightening", "easing", "neutral"])), "feed": str(rng.choice(feeds))}
        about |= {
            "tense": str(rng.choice(["happened", "threatened", "denied"])),
            "language": str(rng.choice(["en", "zh"])),
        }
        mineral, supplier = str(rng.choice(["", *sorted(set(HS_CODES.values()))])), str(rng.choice(SUPPLIERS))
        links.append(report(number, known, mineral, supplier, **about))
        if number % 3 == 0:
            copied = known + pd.Timedelta(days=int(rng.integers(0, 10)))
            links.append({**links[-1], "item_id": f"{number + 1000:04x}" * 4, "feed": "six", "available_at": copied})
        if number % 7 == 0:
            later = known + pd.Timedelta(days=int(rng.integers(5, 600)))
            links.append(
                {**links[-1], "event_type": "accident", "available_at": later, "is_retracted": number % 2 == 0}
            )
    for week in pd.date_range("2001-01-01", "2004-06-28", freq="7D", tz="UTC"):
        up = [feed for feed in feeds if rng.random() < (0.95 if week.month != 8 else 0.3)]
        weeks += carried(week, up, items=int(rng.integers(1, 200)))
        weeks += carried(week, up[:2], items=500, available_at=week + pd.Timedelta(days=int(rng.integers(1, 40))))
    return {"news_links": rows("news_links", links), "news_coverage": rows("news_coverage", weeks)}


def index_value(country: str, period: str | pd.Timestamp, value: float, **other) -> dict:
    """One month of the geopolitical risk index of a country, known on the 5th of the next month."""
    start = utc(period) if isinstance(period, str) else period
    usual = {"indicator": "gpr", "partner": "", "frequency": "month"}
    moment = start + pd.offsets.MonthBegin(1) + pd.Timedelta(days=4)
    return usual | {"country": country, "starts_on": start, "value": float(value), "available_at": moment} | other


def political(country: str, kind: str, day: str | pd.Timestamp, **other) -> dict:
    """One coup or, by `kind`, something else, known when its day is over."""
    happens = utc(day) if isinstance(day, str) else day
    about = {"event_id": f"{country}-{kind}-{happens:%Y%m%d}", "country": country, "kind": kind, "title": kind}
    return about | {"happens_at": happens, "available_at": happens + pd.Timedelta(days=1)} | other


def sanction(entry_id: str, country: str, known: str | pd.Timestamp, **other) -> dict:
    """One firm that the United States put on a list, without a day of its own."""
    usual = {"imposed_by": "USA", "kind": "entity", "programme": f"{country}-1", "name": entry_id, "minerals": ""}
    moment = utc(known) if isinstance(known, str) else known
    about = {"entry_id": entry_id, "country": country, "is_metals": False, "listed_at": pd.NaT, "available_at": moment}
    return usual | about | other


def random_geopolitics(seed: int) -> dict[str, pd.DataFrame]:
    """Give indices, events, sanctions and coverage of 1999 to 2004 with revisions, corrections and withdrawals."""
    rng = np.random.default_rng(seed)
    bounds = {"coups_one": ("1990-01-01", "2003-06-01"), "coups_two": ("2001-01-01", "2004-03-01")}
    bounds |= {"leaders_one": ("1990-01-01", "2002-06-01"), "elections_one": ("2001-01-01", "2003-01-01")}
    coverage = [
        {"dataset": name, "bound": bound, "bound_at": utc(day), "available_at": utc(day)}
        for name, days in bounds.items()
        for bound, day in zip(("from", "until"), days, strict=True)
    ]
    return {
        "geopolitics": rows("geopolitics", [*_random_indices(rng), *_random_dyads(rng)]),
        "political_events": rows("political_events", _random_politics(rng)),
        "sanctions": rows("sanctions", _random_sanctions(rng)),
        "coverage": rows("coverage", coverage),
    }


def _revised(rng: np.random.Generator, record: dict, redrawn: dict, chance: float = 0.15) -> list[dict]:
    # A record, perhaps another version of it with `redrawn`, perhaps its withdrawal and its return.
    found, moment = [record], record["available_at"]
    for _ in range(2):
        if rng.random() < chance:
            moment = moment + pd.Timedelta(days=int(rng.integers(1, 500)))
            is_retracted = bool(rng.random() < 0.4)
            found.append(found[-1] | redrawn | {"available_at": moment, "is_retracted": is_retracted})
    return found


def _random_indices(rng: np.random.Generator) -> list[dict]:
    records = []
    for country in ("AUS", "BRA", "CHN", "DEU", "JPN", "RUS", "USA"):
        for start in pd.date_range("1997-01", periods=84, freq="MS", tz="UTC"):
            if rng.random() < 0.03 or (country == "BRA" and start.year > 2001):
                continue
            value, again = rng.gamma(2.0, 0.2, size=2)
            records += _revised(rng, index_value(country, start, value), {"value": float(again)}, 0.03)
    yearly = {"ucdp_intensity": 3, "fsi_total": 120, "inform_risk": 10}
    for country in (*SUPPLIERS, "JPN"):
        for name, most in yearly.items():
            for start in pd.date_range("1999-01", "2003-01", freq="YS", tz="UTC"):
                known = start + pd.DateOffset(months=int(rng.integers(12, 20)))
                about = {"indicator": name, "frequency": "year", "available_at": known}
                record = index_value(country, start, float(rng.integers(0, most)), **about)
                records += _revised(rng, record, {"value": float(rng.integers(0, most))})
        for start in pd.date_range("2000-01", "2003-06", freq="MS", tz="UTC"):
            record = index_value(country, start, float(rng.integers(0, 40)), indicator="ucdp_deaths")
            records += _revised(rng, record, {"value": 1.0}, 0.05)
    return records


def _random_dyads(rng: np.random.Generator) -> list[dict]:
    records = []
    pairs = [("CHN", "JPN"), ("JPN", "CHN"), ("AUS", "CHN"), ("CHN", "USA")]
    pairs += [("CHN", ""), ("COD", "")]
    for country, partner in pairs:
        kinds = (
            ("gdelt_coercion", "gdelt_material_conflict") if partner else ("gdelt_material_conflict", "gdelt_protest")
        )
        for start in pd.date_range("2001-01-01", "2003-03-03", freq="7D", tz="UTC"):
            for kind in kinds:
                if rng.random() < 0.1:
                    continue
                about = {"indicator": kind, "frequency": "week", "partner": partner}
                about |= {"available_at": start + pd.Timedelta(days=7)}
                record = index_value(country, start, rng.random() / 3, **about)
                records += _revised(rng, record, {"value": float(rng.random() / 3)}, 0.02)
    return records


def _random_politics(rng: np.random.Generator) -> list[dict]:
    kinds, records = ("coup", "failed_coup", "coup_plot", "irregular_change", "leader_change"), []
    for number in range(60):
        day = utc("1996-01-01") + pd.Timedelta(days=int(rng.integers(0, 3200)))
        about = {"event_id": f"event-{number}", "source": str(rng.choice(["one", "two"]))}
        record = political(str(rng.choice(SUPPLIERS)), str(rng.choice(kinds)), day, **about)
        records += _revised(rng, record, {"kind": str(rng.choice(kinds))})
        if number % 4 == 0:
            close = day + pd.Timedelta(days=int(rng.integers(-9, 9)))
            records.append(
                record | {"source": "three", "happens_at": close, "available_at": close + pd.Timedelta(days=9)}
            )
    for number in range(30):
        day = utc("1999-01-01") + pd.Timedelta(days=int(rng.integers(0, 2500)))
        about = {"event_id": f"vote-{number}", "available_at": day - pd.Timedelta(days=int(rng.integers(-1, 365)))}
        moved = {"happens_at": day + pd.Timedelta(days=int(rng.integers(-60, 300)))}
        records += _revised(rng, political(str(rng.choice(SUPPLIERS)), "election", day, **about), moved, 0.3)
    return records


def _random_sanctions(rng: np.random.Generator) -> list[dict]:
    records = []
    for number in range(50):
        known = utc("2000-06-01") + pd.Timedelta(days=int(rng.choice([0, 30, *rng.integers(1, 1500, size=6)])))
        supplier = str(rng.choice([*SUPPLIERS, ""]))
        about = {"source": str(rng.choice(["one", "two"])), "is_metals": bool(rng.random() < 0.3)}
        about |= {"imposed_by": str(rng.choice(["USA", "CHN"])), "programme": str(rng.choice(["", "A", "B", "A;C"]))}
        about |= {"kind": str(rng.choice(["programme", "entity", "person"]))}
        if rng.random() < 0.5:
            about["listed_at"] = known - pd.Timedelta(days=int(rng.choice([-20, 1, 1, 200])))
        record = sanction(f"entry-{number}", supplier, known, **about)
        records += _revised(rng, record, {"programme": str(rng.choice(["A", "B"]))}, 0.35)
    return records


def transit(strait: str, day: str | pd.Timestamp, calls: int, **other) -> dict:
    """Ships of all types that passed a strait on one day, known on the Wednesday after the Sunday of its week."""
    start = utc(day) if isinstance(day, str) else day
    known = start + pd.Timedelta(days=9 - start.weekday())
    usual = {"source": "portwatch", "ship_type": "total", "capacity_tonnes": np.nan, "available_at": known}
    return usual | {"strait": strait, "starts_on": start, "calls": int(calls)} | other


def random_transits(seed: int) -> pd.DataFrame:
    """Give `transits` of 2000 to mid-2003: three straits, one late, with days missing, revised, withdrawn."""
    rng = np.random.default_rng(seed)
    records = []
    for strait, first in (("malacca", "2000-01-03"), ("suez", "2000-01-03"), ("hormuz", "2001-11-05")):
        for day in pd.date_range(first, "2003-06-29", freq="D", tz="UTC"):
            # Whole months without a count, and single days.
            if rng.random() < (0.6 if (day.month + day.year) % 17 == 0 else 0.05):
                continue
            for ship_type, most in (("total", 60), ("dry_bulk", 12)):
                record = transit(strait, day, rng.integers(0, most), ship_type=ship_type)
                records.append(record)
                if rng.random() < 0.01:
                    later = record["available_at"] + pd.Timedelta(days=int(rng.integers(1, 400)))
                    is_retracted = bool(rng.random() < 0.4)
                    records.append(record | {"calls": 1, "available_at": later, "is_retracted": is_retracted})
    return rows("transits", records)


def hazard(event_id: str, happened: str | pd.Timestamp, latitude: float, longitude: float, **other) -> dict:
    """One shallow earthquake of magnitude 7.5 or, by `kind`, something else, known a day later."""
    usual = {"kind": "earthquake", "magnitude": 7.5, "depth_km": 20.0, "severity": 3, "country": "", "title": event_id}
    moment = utc(happened) if isinstance(happened, str) else happened
    dates = {"happened_at": moment, "ended_at": pd.NaT, "available_at": moment + pd.Timedelta(days=1)}
    place = {"event_id": event_id, "latitude": latitude, "longitude": longitude, "link": ""}
    return usual | dates | place | other


def random_hazards(seed: int) -> pd.DataFrame:
    """Hazards of 2000 to 2009 by mines of `SUPPLIERS`, regraded, moved, withdrawn, and told by three sources."""
    rng = np.random.default_rng(seed)
    # Kalgoorlie, Groote Eylandt, Kolwezi, Bisie, Gejiu, Ganzhou and Jinchang.
    mines = ((-28.8, 121.9), (-14.0, 136.4), (-10.7, 25.5), (-1.0, 27.7), (23.4, 103.1), (25.8, 114.9), (38.5, 102.2))
    kinds = ("earthquake", "earthquake", "volcano", "cyclone", "flood", "drought", "wildfire", "tsunami")
    records = []
    for number in range(150):
        latitude, longitude = mines[rng.integers(len(mines))] + rng.normal(0, 0.7, size=2)
        day = utc("2000-06-01") + pd.Timedelta(hours=int(rng.integers(0, 24 * 3300)))
        about = {"kind": str(rng.choice(kinds)), "severity": int(rng.integers(1, 4)), "source": "one"}
        about["magnitude"] = float(rng.choice([np.nan, *rng.uniform(5, 8.5, size=4)]))
        record = hazard(f"hazard-{number}", day, latitude, longitude, **about)
        other = {"severity": int(rng.integers(1, 4)), "magnitude": float(rng.uniform(5, 8.5))}
        records += _revised(rng, record, other | {"latitude": latitude + float(rng.normal(0, 0.5))}, 0.4)
        for source in ("two", "three"):
            if rng.random() < 0.3:
                later = {"source": source, "available_at": day + pd.Timedelta(days=int(rng.integers(1, 60)))}
                later |= {"happened_at": day + pd.Timedelta(minutes=int(rng.integers(-40, 40)))}
                records += _revised(rng, record | other | later, {"severity": 1, "magnitude": np.nan}, 0.2)
    return rows("hazards", records)
