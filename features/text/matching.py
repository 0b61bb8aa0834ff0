"""Where the names of the lexicon stand in a text, each where it may stand, the longest first.

Latin and Cyrillic names need ends of words around them, names in katakana no further katakana, Korean ones a start of
a word; Chinese and Japanese ones stand anywhere. A name that lies in a longer one is not seen, so "gold medal" hides
"gold" and "Papua New Guinea" hides "Guinea". What the names mean together is for `features.text.entities`.
"""

__all__ = ["PRODUCING", "Found", "Match", "Part", "find", "names_miner", "names_place"]

import re
from dataclasses import dataclass

from features.text.lexicon import Entry, Lexicon
from features.text.normal import Text

PRODUCING = ("mine", "plant", "company")

_NAME, _PHRASE = 1, 2
_NEXT_WORD = 3
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
# What may follow a chemical symbol that means the metal: "Ni ore", "Cu-Co", "Sn prices".
_AFTER_SYMBOL = re.compile(
    r"[ /-](?i:ores?|mines?|concentrates?|prices?|exports?|output|grades?|resources?|deposits?|"
    r"projects?|smelters?|metal|supply|production)\b"
    r"|[-/](?:Cu|Co|Ni|Zn|Pb|Au|Ag|Sn|W|Mo|Li|Ta|Nb|Pt|Pd|Fe|Mn|Ti|V)\b"
)
_LIMITED = re.compile(
    r"'?s?,? (?:Corp|Corporation|Inc|Ltd|Limited|Mining|Resources|Mines|Minerals|Metals|plc|PLC|Royalty|Company|Group|"
    r"Holdings|Exploration|Explorations|Ventures|Energy|Technologies|Partners|Pty|NL|AG|SA)\b"
)
# Which of two meanings of one name is the one that counts.
_RANK = {"nothing": 0, "mine": 1, "plant": 1, "company": 2, "province": 3, "person": 4, "mineral": 5, "country": 6}


@dataclass(frozen=True, slots=True)
class Match:
    """One name in a text: where it stands, and what it may mean there."""

    start: int
    end: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class Found:
    """All names of a text by place, the contexts that its words speak of, and the phrases that hide words.

    `has_moving_metal` tells that a metal itself rises or falls, so that the talk is of its price: "gold slips".
    """

    matches: tuple[Match, ...]
    contexts: frozenset[str]
    phrases: tuple[Match, ...]
    has_moving_metal: bool


@dataclass(frozen=True, slots=True)
class Part:
    """The title or the summary of an item, with what was found in it."""

    name: str
    text: Text
    found: Found


def names_place(parts: list[Part]) -> bool:
    """Tell whether a mine, plant, company, province or person is named that stands for a country, in a sure name."""
    return any(
        match.entry.kind in (*PRODUCING, "province", "person") and match.entry.iso3 and not match.entry.needs
        for part in parts
        for match in part.found.matches
    )


def names_miner(parts: list[Part]) -> bool:
    """Tell whether a mine, a plant or a mining company is named whose name has no other meaning."""
    return any(
        match.entry.kind in PRODUCING and not match.entry.needs for part in parts for match in part.found.matches
    )


def _is_letter(letter: str) -> bool:
    return letter.isalnum() and letter < "\u0530"


def find(text: Text, lexicon: Lexicon, language: str) -> Found:
    """Find the names of a text that is in a language ("" for unknown: then the English and the nameless ones)."""
    searched = text.folded.replace("-", " ")
    style = _Style.of(text.original, language)
    hits: list[Match] = []
    contexts: list[tuple[int, int, str]] = []
    for last, (length, entries) in lexicon.automaton.iter(searched):
        start, end = last + 1 - length, last + 1
        for entry in entries:
            if entry.language not in ("", language) or not _stands_right(text, searched, start, end, entry):
                continue
            if entry.kind == "context":
                contexts.append((start, end, entry.ids[0]))
            elif _is_written_right(text, start, end, entry, style):
                hits.append(Match(start, end, entry))
    matches, owners = _longest(hits, len(searched))
    spoken = {context for start, end, context in contexts if not _is_hidden(start, end, matches, owners)}
    countries_end = {each.end for each in matches if each.entry.kind == "country"}
    seen = tuple(
        each
        for each in matches
        if each.entry.kind != "nothing" and not _is_in_company_name(text, each, countries_end, style)
    )
    moves = [start for start, _, context in contexts if context == "move"]
    metals = [each.end for each in seen if each.entry.kind == "mineral"]
    is_moving = any(end < start <= end + _NEXT_WORD for end in metals for start in moves)
    return Found(seen, frozenset(spoken), tuple(each for each in matches if each.entry.kind == "nothing"), is_moving)


def _is_hidden(start: int, end: int, matches: list[Match], owners: list[int]) -> bool:
    """Tell whether a word of context is only a part of a longer name: "Zijin Mining", "data mining"."""
    owner = owners[start]
    if owner < 0 or owner != owners[end - 1] or matches[owner].entry.kind in ("mineral", "country"):
        return False
    return matches[owner].end - matches[owner].start > end - start


@dataclass(frozen=True, slots=True)
class _Style:
    """How a title uses capitals: a name is told by them only where not every word, or none, has them."""

    has_capitals: bool
    is_sentence: bool
    is_shouted: bool
    is_english: bool

    @classmethod
    def of(cls, text: str, language: str) -> "_Style":
        words = [word for word in re.findall(r"[^\W\d_]+", text[:400]) if word[0] < "\u0530"]
        long = [word for word in words if len(word) > 3]
        capitals = sum(word[0].isupper() for word in long)
        shouted = sum(word.isupper() for word in long)
        return cls(
            any(word[0].isupper() for word in words),
            bool(long) and capitals <= 0.55 * len(long),
            bool(long) and shouted > 0.7 * len(long),
            language == "en",
        )


def _stands_right(text: Text, searched: str, start: int, end: int, entry: Entry) -> bool:
    first, last = searched[start], searched[end - 1]
    before = searched[start - 1] if start else " "
    after = searched[end] if end < len(searched) else " "
    if _is_letter(first) and _is_letter(before) and not entry.opens_before:
        return False
    if _is_letter(last) and _is_letter(after) and not entry.opens_after:
        is_plural = entry.kind == "country" and entry.language == "en" and after == "s"
        if not is_plural or (end + 1 < len(searched) and _is_letter(searched[end + 1])):
            return False
    if _KATAKANA.match(first) and _KATAKANA.match(before):
        return False
    if _KATAKANA.match(last) and _KATAKANA.match(after) and entry.kind != "context":
        return False
    return not (_HANGUL.match(first) and _HANGUL.match(before) and entry.kind != "context" and end - start < 4)


def _is_written_right(text: Text, start: int, end: int, entry: Entry, style: _Style) -> bool:
    written = text.original[start:end]
    if entry.exact and written != entry.exact:
        return False
    if entry.exact and style.is_shouted and len(written) <= 3:
        return False
    if entry.needs == "symbol":
        return bool(_AFTER_SYMBOL.match(text.original, end)) or text.original[max(0, start - 1) : start] in ("-", "/")
    if not entry.name or _has_capitals_of(entry.name, written):
        return True
    # A title without any capital still names its countries; mines are too easily words.
    return not style.has_capitals and (entry.kind == "country" or end - start > 6)


def _has_capitals_of(name: str, written: str) -> bool:
    # "Galiano Gold" is a company, "Galiano gold" the gold of a mine.
    return all(
        there.isupper() or not here.isupper() or (place and name[place - 1] not in " -")
        for place, (here, there) in enumerate(zip(name, written, strict=False))
    )


def _longest(hits: list[Match], length: int) -> tuple[list[Match], list[int]]:
    """Keep the longest of the matches that overlap, and one meaning of each.

    Returns:
        The matches by place; and per character which of them it belongs to, -1 for none. Shape (length,).
    """
    taken = bytearray(length)
    kept: list[Match] = []
    for hit in sorted(hits, key=_order):
        is_phrase = hit.entry.kind == "nothing"
        # Phrases that mean nothing may overlap: "raih medali", "medali emas".
        if not (_NAME in taken[hit.start : hit.end] if is_phrase else any(taken[hit.start : hit.end])):
            taken[hit.start : hit.end] = bytes([_PHRASE if is_phrase else _NAME]) * (hit.end - hit.start)
            kept.append(hit)
    kept.sort(key=lambda each: each.start)
    owners = [-1] * length
    for number, hit in enumerate(kept):
        owners[hit.start : hit.end] = [number] * (hit.end - hit.start)
    return kept, owners


def _order(hit: Match) -> tuple[int, bool, int, int, int, bool]:
    kind = hit.entry.kind
    return hit.start - hit.end, kind != "nothing", hit.start, _RANK[kind], -len(hit.entry.ids), bool(hit.entry.needs)


def _is_in_company_name(text: Text, match: Match, countries_end: set[int], style: _Style) -> bool:
    """Tell whether a metal word is a part of a name: "Austral Gold", "Hadas Gold", "Peak Rare Earths Ltd"."""
    written = text.original[match.start : match.end]
    if match.entry.kind != "mineral" or not written[0].isupper() or not written[0].isascii() or match.entry.exact:
        return False
    if _LIMITED.match(text.original, match.end):
        return True
    if not style.is_english or not match.start or text.original[match.start - 1] != " ":
        return False
    # Where words are small unless they are names, a capital within a sentence makes one: "run by Nickel, a hacker".
    word = text.original[: match.start - 1].rsplit(" ", 1)[-1]
    is_within = bool(word) and (word[-1].isalpha() or word[-1] == ",")
    if style.is_sentence and is_within:
        return match.start - 1 not in countries_end
    return False
