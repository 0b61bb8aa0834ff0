"""What the texts of policy databases say about an export measure: minerals, products, dates, direction, importers.

Pure, and for the English of the databases only: sentences of headlines are another matter. A word that may be another
word counts only beside its like ("lead" next to zinc). What a text says of earlier acts ("Previously, ...") is
not what the act is about and is cut off.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from functools import cache

from features.catalog import Catalog, load_catalog
from features.errors import UnknownCode

__all__ = [
    "act_text",
    "dates_in",
    "eu_members",
    "hs_codes_in",
    "is_easing",
    "minerals_in",
    "origins_in",
    "plain",
    "targets_in",
]

KINDS_OF_WORDS = ("name", "product", "compound", "trade_name")
# Words that mean something else more often than the mineral; `_LEAD` decides for the metal.
NOT_ALONE = ("lead", "iron", "steel", "potash mine")
_METALS = "zinc|copper|tin|silver|nickel|iron|gold|bauxite|manganese"
_LEAD = re.compile(
    rf"\b(?:{_METALS})(?: ore| ores)?(?:,| and| or|, and|/)+ (?:and )?lead\b"
    rf"|\blead(?: ore| ores)?(?:,| and| or|, and|/)+ (?:and )?(?:{_METALS})\b|\blead (?:ore|concentrate|scrap)"
)
_IRON = re.compile(r"\biron (?:ore|concentrate)|\biron sand|\biron(?:,| and) (?:lead|zinc|copper)|copper, iron")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)? ({_MONTHS})|({_MONTHS}) (\d{{1,2}})(?:st|nd|rd|th)?),? (\d{{4}})\b"
)
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS.split("|"), start=1)}
_HS = re.compile(r"\b(\d{4}\.\d{2}(?:\.\d{2})*)\b|\b(?:HS(?: codes?)?|subheadings?) (\d{4,10})\b(?: and (\d{4,10})\b)?")
_EARLIER = re.compile(
    r"(?<=[.:])\s+(?:Previously|In this context|Notably|In addition, the|Update|On the same day"
    rf"|In (?:{_MONTHS}) \d{{4}})\b.*"
)
_EASING = re.compile(
    r"\b(?:remov|lift|relax|eas(?:e|ing)|abolish|eliminat|resum|postpon|suspen(?:d|sion) of the (?:ban|export ban)"
    r"|exempt|reduc|lower|cut(?:s|ting)?\b|withdraw|revok|repeal|liberali[sz])",
    re.IGNORECASE,
)
_NAME = r"(?:the )?((?:[A-Z][\w.'’]*)(?: (?:of |the |and )*[A-Z][\w.'’]*){0,8})"
_TARGET = re.compile(rf"\b(?:to|against|destined for|bound for) {_NAME}")
_ORIGIN = re.compile(rf"\b(?:from|originating in|goods of|on|in) {_NAME}|\b(Chinese|Russian|Belarusian)[- ]origin")
_DEMONYMS = {"Chinese": "CHN", "Russian": "RUS", "Belarusian": "BLR"}


def plain(text: str) -> str:
    """Give HTML as plain text: tags out, entities read, blanks single."""
    return " ".join(html.unescape(re.sub(r"<[^>]{0,2000}>", " ", text[:200_000])).split())


def act_text(text: str) -> str:
    """Give the part of a plain text that is about the act itself, without what it says of earlier and later ones."""
    return _EARLIER.sub("", text)


@cache
def _words() -> tuple[re.Pattern[str], dict[str, str]]:
    catalog = load_catalog()
    aliases = catalog.aliases
    own = aliases[aliases["language"].eq("en") & aliases["kind"].isin(KINDS_OF_WORDS)]
    words = {alias.lower(): mineral for alias, mineral in zip(own["alias"], own["mineral"], strict=True)}
    words |= {mineral.name_en.lower(): id_ for id_, mineral in catalog.minerals.items()}
    words = {word: id_ for word, id_ in words.items() if len(word) > 2 and word not in NOT_ALONE}
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, longest_first)) + r")(?:e?s)?\b")
    return pattern, words


def minerals_in(text: str) -> tuple[str, ...]:
    """Give the ids of the minerals that an English text names, sorted; longer names win over the words in them."""
    pattern, words = _words()
    lower = text.lower()
    found = {words[match.group(1)] for match in pattern.finditer(lower)}
    found |= {id_ for id_, rule in (("lead", _LEAD), ("iron", _IRON)) if rule.search(lower)}
    return tuple(sorted(found))


def hs_codes_in(text: str) -> tuple[str, ...]:
    """Give the product codes that a text writes as codes, digits only, sorted."""
    codes = {code.replace(".", "") for match in _HS.finditer(text) for code in match.groups() if code}
    return tuple(sorted(codes))


def dates_in(text: str) -> list[tuple[int, dt.date]]:
    """Give where each full date stands in a text and what it is; impossible ones are left out."""
    found = []
    for match in _DATE.finditer(text):
        day, month = match.group(1) or match.group(4), match.group(2) or match.group(3)
        try:
            found.append((match.start(), dt.date(int(match.group(5)), _MONTH_NUMBERS[month], int(day))))
        except ValueError:
            continue
    return found


def is_easing(title: str) -> bool:
    """Tell whether a title speaks of a restriction that is taken back or made milder."""
    return _EASING.search(title) is not None


def targets_in(text: str, catalog: Catalog) -> tuple[str, ...]:
    """Give the countries that a restriction is aimed at, as in "exports to the United States"; sorted."""
    return _named(_TARGET, text, catalog)


def origins_in(text: str, catalog: Catalog) -> tuple[str, ...]:
    """Give the countries whose goods are kept out, as in "imports from Russia"; sorted."""
    return _named(_ORIGIN, text, catalog)


def _named(pattern: re.Pattern[str], text: str, catalog: Catalog) -> tuple[str, ...]:
    found = set()
    for match in pattern.finditer(text):
        name = next(group for group in match.groups() if group)
        words = name.rstrip(".,").split()
        # The longest run of words that is a country: "Russia in the field of" is Russia.
        runs = ((at, end) for at in range(len(words)) for end in range(len(words), at, -1) if words[at][0].isupper())
        for at, end in runs:
            if iso3 := _country(" ".join(words[at:end]).removesuffix("'s").removesuffix("’s"), catalog):
                found.add(iso3)
                break
    return tuple(sorted(found))


def _country(name: str, catalog: Catalog) -> str | None:
    if name.lower() in ("us", "u.s", "usa"):
        return "USA"
    if name in _DEMONYMS:
        return _DEMONYMS[name]
    try:
        return catalog.iso3_of_name(name)
    except UnknownCode:
        return None


def eu_members(on: dt.date, catalog: Catalog) -> tuple[str, ...]:
    """Give the member states of the European Union on a day, sorted."""
    return tuple(sorted(iso3 for iso3 in catalog.countries if catalog.is_eu_member(iso3, on)))
