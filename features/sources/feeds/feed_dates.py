"""Dates as feeds and archives write them, read strictly: what is not understood is missing, never guessed, never now.

feedparser's own dates are not used: it reads 2016/6/29 as the first of June. A date without a zone is taken as UTC.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["EARLIEST", "is_day_first", "read_date"]

UTC = dt.UTC
EARLIEST = dt.datetime(1990, 1, 1, tzinfo=UTC)
# A publisher's clock or zone may be wrong by so much.
AHEAD = dt.timedelta(days=1)

CLOCK = (
    r"(?:[T\s,]*(?:à|a las|pukul|kl\.?)?\s*(?P<h>\d{1,2})[:.](?P<mi>\d{2})"
    r"(?:[:.](?P<s>\d{2})(?:[.,]\d+)?)?\s*(?P<pm>[AaPp]\.?[Mm]\.?)?)?"
)
ZONE = r"\s*(?P<zone>Z|(?:GMT|UTC)[+-]\d{4}|[+-]\d{2}:?\d{2}|[+-]\d{2}|\(?[A-Za-z]{1,5}\)?)?(?:\s*\([^()]{0,40}\))?"
WEEKDAY = r"(?:[^\d,]{1,14},?\s+)?"
YEAR, DAY, NAME = r"(?P<y>\d{4})", r"(?P<d>\d{1,2})", r"(?P<name>[^\W\d_]{3,12})\.?"
YEAR_FIRST = re.compile(rf"{YEAR}(?P<sep>[-/.])(?P<m>\d{{1,2}})(?P=sep){DAY}{CLOCK}{ZONE}")
COMPACT = re.compile(
    rf"{YEAR}(?P<m>\d{{2}})(?P<d>\d{{2}})(?:T?(?P<h>\d{{2}})(?P<mi>\d{{2}})(?P<s>\d{{2}})?)?(?P<pm>)?{ZONE}"
)
IDEOGRAPHS = re.compile(rf"{YEAR}\s*[年년]\s*(?P<m>\d{{1,2}})\s*[月월]\s*{DAY}\s*[日일]{CLOCK}{ZONE}")
WORDS = re.compile(
    rf"{WEEKDAY}{DAY}(?:er|st|nd|rd|th|º|\.)?[\s-]+(?:de\s+)?{NAME}[\s-]+(?:de\s+)?(?P<y>\d{{4}}|\d{{2}}){CLOCK}{ZONE}"
)
AMERICAN = re.compile(rf"{WEEKDAY}{NAME}\s+{DAY}(?:st|nd|rd|th)?,?\s+{YEAR}{CLOCK}{ZONE}")
NUMBERS = re.compile(rf"(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})(?P=sep){YEAR}{CLOCK}{ZONE}")

# Beginnings of month names, without accents: English, Spanish, French, Portuguese, Indonesian, German.
MONTHS = (
    ("jan", "ene"),
    ("feb", "fev", "peb"),
    ("mar", "mrz", "mae"),
    ("apr", "abr", "avr"),
    ("may", "mai", "mei"),
    ("jun", "juin"),
    ("jul", "juil"),
    ("aug", "ago", "aou", "agu", "ags"),
    ("sep", "set"),
    ("oct", "out", "okt"),
    ("nov", "nop"),
    ("dec", "dic", "dez", "des"),
)
HOURS: dict[str, float] = {
    **dict.fromkeys(("z", "ut", "utc", "gmt", "wet"), 0.0),
    **dict.fromkeys(("bst", "cet", "wat"), 1.0),
    **dict.fromkeys(("cest", "eet", "cat", "sast"), 2.0),
    **dict.fromkeys(("eest", "eat", "msk"), 3.0),
    **dict.fromkeys(("wita", "sgt", "hkt", "awst"), 8.0),
    **dict.fromkeys(("wit", "jst", "kst"), 9.0),
    **dict.fromkeys(("est", "cdt", "pet"), -5.0),
    **dict.fromkeys(("cst", "mdt"), -6.0),
    **dict.fromkeys(("mst", "pdt"), -7.0),
    **dict.fromkeys(("edt", "clt"), -4.0),
    **dict.fromkeys(("brt", "clst"), -3.0),
    "pst": -8.0,
    "ist": 5.5,
    "wib": 7.0,
    "aest": 10.0,
    "aedt": 11.0,
}
LONGEST = 80


def read_date(text: str, *, before: dt.datetime, day_first: bool | None = None) -> dt.datetime | None:
    """Read a date as an aware moment in UTC, None if it is none or cannot be right.

    Args:
        before: when the item was collected; a date later than a day after it, or before 1990, is refused.
        day_first: how 6/9/2017 is meant; None if nobody knows, and then it is refused unless only one reading exists.

    Example:
        >>> read_date("Mar, 03 Mei 2022 18:07:42 +0700", before=dt.datetime(2026, 1, 1, tzinfo=UTC)).isoformat()
        '2022-05-03T11:07:42+00:00'
    """
    text = " ".join(text.split())
    if not text or len(text) > LONGEST:
        return None
    try:
        moment = _moment(text, day_first)
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and EARLIEST <= moment <= before + AHEAD else None


def is_day_first(dates: Iterable[str]) -> bool | None:
    """Tell from all dates of a file whether the day stands before the month, None if they don't say or disagree."""
    told = set()
    for text in dates:
        found = NUMBERS.fullmatch(text.strip())
        if found and int(found["a"]) > 12:
            told.add(True)
        elif found and int(found["b"]) > 12:
            told.add(False)
    return told.pop() if len(told) == 1 else None


def _moment(text: str, day_first: bool | None) -> dt.datetime | None:
    for form in (YEAR_FIRST, COMPACT, IDEOGRAPHS):
        if found := form.fullmatch(text):
            return _make(found, int(found["m"]), int(found["d"]))
    for form in (WORDS, AMERICAN):
        if (found := form.fullmatch(text)) and (month := _month(found["name"])):
            return _make(found, month, int(found["d"]))
    if found := NUMBERS.fullmatch(text):
        first, second = int(found["a"]), int(found["b"])
        if day_first is None and first <= 12 and second <= 12 and first != second:
            return None
        day, month = (first, second) if day_first or first > 12 else (second, first)
        return _make(found, month, day)
    return None


def _make(found: re.Match[str], month: int, day: int) -> dt.datetime | None:
    year = int(found["y"])
    if len(found["y"]) == 2:
        year += 2000 if year < 70 else 1900
    hour = int(found["h"] or 0)
    if found["pm"]:
        hour = hour % 12 + 12 * (found["pm"][0].lower() == "p")
    second = min(int(found["s"] or 0), 59)  # a leap second has no place in a datetime
    offset = _offset(found["zone"] or "")
    if offset is None:
        return None
    return dt.datetime(year, month, day, hour, int(found["mi"] or 0), second, tzinfo=UTC) - offset


def _offset(zone: str) -> dt.timedelta | None:
    zone = zone.strip("()").lower()
    if not zone:
        return dt.timedelta()
    zone = zone.removeprefix("gmt").removeprefix("utc") or zone
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        hours, minutes = int(digits[:2]), int(digits[2:])
        # No zone of the world lies further out.
        if hours > 14 or minutes > 59:
            return None
        return dt.timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    # An unknown name is as good as none.
    return dt.timedelta(hours=HOURS.get(zone, 0.0))


def _month(name: str) -> int:
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return next((number for number, starts in enumerate(MONTHS, start=1) if plain.startswith(starts)), 0)
