"""Words that hint at an event, in ten languages, found in one pass over a text.

`features/catalog/event_patterns.csv` lists patterns as data: language, cue, pattern, note. A **cue** is what a word
hints at whatever its language, such as `export`, `ban`, `strike`, `lift` or `threat`; what cues mean together is
decided in `features.text.rules` and by learned weights. In a pattern

- a `*` at an end leaves that end open (`strik*`, `*verbot`), elsewhere it stands for up to 24 characters of one clause;
- without it the pattern is whole words, except that Chinese, Japanese and Korean know no ends of words;
- several cues are joined by `;`, and language `*` means all.

A hit that lies inside a longer one does not count ("strike" in "missile strike"), unless it is a noun that stays
true there ("exports" in "halts exports").
"""

__all__ = [
    "LANGUAGES",
    "PATTERNS_FILE",
    "WITHOUT_ENDS",
    "Hit",
    "Patterns",
    "language_of",
    "packaged_patterns",
    "read_patterns",
]

import csv
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ahocorasick

from features.errors import BadInput
from features.text.normal import folded

LANGUAGES = ("de", "en", "es", "fr", "id", "ja", "ko", "pt", "ru", "zh")
# Languages whose words have no ends that can be seen.
WITHOUT_ENDS = frozenset({"ja", "ko", "zh"})
PATTERNS_FILE = Path(__file__).parents[1] / "catalog" / "event_patterns.csv"

_COLUMNS = ["language", "cue", "pattern", "note"]
_STAYING = frozenset({"export", "mining", "raw", "transport", "union"})
_GAP = r"[^.;:!?。；：！？]{0,24}?"
_KANA, _HANGUL, _HAN, _CYRILLIC = (
    re.compile(each) for each in ("[\u3041-\u30ff]", "[\uac00-\ud7a3]", "[\u3400-\u9fff]", "[\u0400-\u04ff]")
)
# Small words that tell languages of Latin letters apart where an item does not name its language.
_SMALL_WORDS = {
    word: language
    for language, words in {
        "en": "the of to in for on and as with by from at is after its over says will",
        "fr": "le la les des du une dans pour sur et au aux est par qui avec ses sont",
        "es": "el los las del una en por para con y se su sus al tras más que",
        "pt": "o os da do das dos uma em no na por para com e ao após mais que",
        "id": "di dan yang untuk dari dengan ini akan pada ke tak belum tidak juga kata bisa",
        "de": "der die das und im für auf von mit den dem ein eine nach bei zu ist",
    }.items()
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a pattern was found in a folded text, and the cues that it gives."""

    start: int
    end: int
    cues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pattern:
    cues: tuple[str, ...]
    length: int
    is_word_start: bool
    is_word_end: bool
    with_gap: re.Pattern[str] | None


def _has_word_ends(letter: str) -> bool:
    # Letters of Latin and Cyrillic, and digits; the scripts of East Asia lie above.
    return letter.isalnum() and letter < "\u0530"


def _read_pattern(pattern: str, cues: tuple[str, ...]) -> tuple[str, _Pattern]:
    """Give the piece of a pattern to look for, and what else must be so around it."""
    plain = folded(pattern)
    body = plain.strip("*")
    pieces = body.split("*")
    is_word_start = not plain.startswith("*") and _has_word_ends(body[0])
    is_word_end = not plain.endswith("*") and _has_word_ends(body[-1])
    if len(pieces) == 1:
        return body, _Pattern(cues, len(body), is_word_start, is_word_end, None)
    before = r"(?<![^\W_])" if is_word_start else ""
    after = r"(?![^\W_])" if is_word_end else ""
    gap = re.compile(before + _GAP.join(re.escape(piece) for piece in pieces) + after)
    return max(pieces, key=len), _Pattern(cues, len(body), False, False, gap)


class Patterns:
    """All patterns, ready to be looked for.

    Args:
        rows: dicts with `language`, `cue` and `pattern`, checked by `read_patterns`.
    """

    def __init__(self, rows: Iterable[dict[str, str]]) -> None:
        by_language: dict[str, dict[str, list[_Pattern]]] = {language: {} for language in LANGUAGES}
        cues: set[str] = set()
        for row in rows:
            names = tuple(row["cue"].split(";"))
            cues.update(names)
            piece, pattern = _read_pattern(row["pattern"], names)
            for language in LANGUAGES if row["language"] == "*" else (row["language"],):
                by_language[language].setdefault(piece, []).append(pattern)
        self.cues = tuple(sorted(cues))
        self._automata = {language: _automaton(pieces) for language, pieces in by_language.items()}

    def hits(self, text: str, language: str) -> list[Hit]:
        """Give the hits in a folded text, by place; those inside a longer one only where they stay true."""
        found = sorted(set(self._all_hits(text, language)), key=lambda hit: (hit.start, -hit.end))
        return [hit for hit in map(_outside(found), found) if hit.cues]

    def _all_hits(self, text: str, language: str) -> Iterator[Hit]:
        for last, patterns in self._automata[language].iter(text):
            for pattern in patterns:
                if pattern.with_gap is not None:
                    for match in pattern.with_gap.finditer(text):
                        yield Hit(match.start(), match.end(), pattern.cues)
                    continue
                start, end = last + 1 - pattern.length, last + 1
                if pattern.is_word_start and start and _has_word_ends(text[start - 1]):
                    continue
                if pattern.is_word_end and end < len(text) and _has_word_ends(text[end]):
                    continue
                yield Hit(*_whole_words(text, start, end, pattern), pattern.cues)


def _whole_words(text: str, start: int, end: int, pattern: _Pattern) -> tuple[int, int]:
    """Give where the words begin and end of which a pattern with an open end found a part."""
    if not pattern.is_word_end and _has_word_ends(text[end - 1]):
        while end < len(text) and _has_word_ends(text[end]):
            end += 1
    if not pattern.is_word_start and _has_word_ends(text[start]):
        while start and _has_word_ends(text[start - 1]):
            start -= 1
    return start, end


def _automaton(pieces: dict[str, list[_Pattern]]) -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for piece, patterns in pieces.items():
        automaton.add_word(piece, tuple(patterns))
    automaton.make_automaton()
    return automaton


def _outside(found: list[Hit]) -> Callable[[Hit], Hit]:
    """Give a function that takes from a hit the cues that a longer hit around it makes untrue."""

    def cut(hit: Hit) -> Hit:
        for other in found:
            if other.start > hit.start:
                break
            if other.end >= hit.end and other.end - other.start > hit.end - hit.start:
                return Hit(hit.start, hit.end, tuple(cue for cue in hit.cues if cue in _STAYING))
        return hit

    return cut


def read_patterns(path: Path = PATTERNS_FILE) -> Patterns:
    """Read and check the patterns of a file.

    Raises:
        BadInput: a row is not in order; the message names file, row and field.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream, strict=True))
    if not lines or lines[0] != _COLUMNS:
        raise _bad(path, 1, "header", ",".join(_COLUMNS), ",".join(lines[0]) if lines else "nothing")
    seen: set[tuple[str, str]] = set()
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(_COLUMNS):
            raise _bad(path, number, "row", f"{len(_COLUMNS)} cells", str(len(cells)))
        row = dict(zip(_COLUMNS, cells, strict=True))
        if row["language"] not in (*LANGUAGES, "*"):
            raise _bad(path, number, "language", "one of " + ", ".join((*LANGUAGES, "*")), repr(row["language"]))
        if not re.fullmatch(r"[a-z_]+(;[a-z_]+)*", row["cue"]):
            raise _bad(path, number, "cue", "small letters and underscores, ; between", repr(row["cue"]))
        if not folded(row["pattern"]).strip("* "):
            raise _bad(path, number, "pattern", "text", repr(row["pattern"]))
        key = (row["language"], row["pattern"])
        if key in seen:
            raise _bad(path, number, "pattern", "a pattern that is listed once", repr(row["pattern"]))
        seen.add(key)
        rows.append(row)
    return Patterns(rows)


def _bad(path: Path, row: int, field: str, expected: str, found: str) -> BadInput:
    where = f"features/catalog/{path.name}, row {row}, {field}"
    return BadInput(where=where, expected=expected, found=found, remedy="Correct the cell.")


def language_of(text: str, tag: str) -> str:
    """Tell which language's patterns a folded text is read with: by its script first, then by its tag."""
    told = tag[:2].lower()
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    if _HAN.search(text) and len(_HAN.findall(text)) * 4 > sum(map(_has_word_ends, text)):
        return "ja" if told == "ja" else "zh"
    if len(_CYRILLIC.findall(text)) > len(text) // 3:
        return "ru"
    if told in ("de", "en", "es", "fr", "id", "pt"):
        return told
    votes = Counter(_SMALL_WORDS[word] for word in text.split() if word in _SMALL_WORDS)
    return votes.most_common(1)[0][0] if votes else "en"


@functools.cache
def packaged_patterns() -> Patterns:
    """Return the packaged patterns, read once per process."""
    return read_patterns()
