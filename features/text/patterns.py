"""Words that hint at an event, in ten languages, found in one pass over a text.

`features/catalog/event_patterns.csv` lists patterns as data: language, cue, pattern, note. A **cue** is what a word
hints at whatever its language, such as `export`, `ban`, `strike`, `lift` or `threat`; what cues mean together is
decided in `features.text.rules` and by learned weights. In a pattern

- a `*` at an end leaves that end open (`strik*`, `*verbot`), elsewhere it stands for up to 24 characters of one clause;
- without it the pattern is whole words, except that Chinese, Japanese and Korean know no ends of words;
- `{strike|walkout}` stands for either word, so that one row holds a whole family (`{ends|averts}*{strike|walkout}`);
- several cues are joined by `;`, and language `*` means all.

A hit that lies inside a longer one does not count ("strike" in "missile strike"), unless it is a noun that stays
true there ("exports" in "halts exports"), stands where the longer one has a star, or the longer one tells only of
tense ("to ban").
"""

__all__ = [
    "LANGUAGES",
    "PATTERNS_FILE",
    "WITHOUT_ENDS",
    "Hit",
    "Patterns",
    "packaged_patterns",
    "read_patterns",
]

import csv
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ahocorasick

from features.errors import BadInput
from features.text.languages import has_word_ends
from features.text.normal import folded

LANGUAGES = ("de", "en", "es", "fr", "id", "ja", "ko", "pt", "ru", "zh")
# Languages whose words have no ends that can be seen.
WITHOUT_ENDS = frozenset({"ja", "ko", "zh"})
PATTERNS_FILE = Path(__file__).parents[1] / "catalog" / "event_patterns.csv"

_COLUMNS = ["language", "cue", "pattern", "note"]
_STAYING = frozenset({"export", "mining", "raw", "transport", "union"})
# Words of tense leave what they stand around as it is: "to ban" is a ban.
_TENSES = frozenset({"announce", "deny", "happened", "threat"})
# Text and families of words, a star between them at most; what a piece begins with may not be left out.
_WORDS = r"(?!\{[^{}]*\|\s*[|}])(?:[^*{}|]|\{[^{}|*]+(?:\|[^{}|*]*)*\})+"
_ORDERLY = re.compile(rf"\*?{_WORDS}(?:\*{_WORDS})*\*?")
# No letter or digit of a script whose words have ends stands on both sides.
_EDGE = "(?:(?<![^\\W_\u0530-\U0010ffff])|(?![^\\W_\u0530-\U0010ffff]))"
_GAP = r"[^.;:!?。；：！？]{0,24}?"


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a pattern was found in a folded text, the cues that it gives, and what it left open in between."""

    start: int
    end: int
    cues: tuple[str, ...]
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Pattern:
    cues: tuple[str, ...]
    length: int
    is_word_start: bool
    is_word_end: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """A pattern of several parts; looked for only where its first part stands and, if it has one, another is there."""

    cues: tuple[str, ...]
    expression: str
    has_other: bool


@dataclass(frozen=True, slots=True)
class _Part:
    family: _Family
    length: int
    is_first: bool


def _parts(piece: str) -> list[list[str]]:
    """Give the parts of a piece without stars, each with its alternatives: text has one, a family its words."""
    cut = re.split(r"\{([^{}]*)\}", piece)
    parts = [[text] if number % 2 == 0 else [*map(str.strip, text.split("|"))] for number, text in enumerate(cut)]
    return [part for part in parts if part != [""]]


def _read_pattern(pattern: str, cues: tuple[str, ...]) -> Iterator[tuple[str, _Pattern | _Part]]:
    """Give the words to look for, one of which every hit of a pattern has, and what else must be so around each."""
    plain = folded(pattern)
    pieces = [_parts(piece) for piece in plain.strip("*").split("*")]
    is_open = (plain.startswith("*"), plain.endswith("*"))
    if len(pieces) == 1 and sum(len(part) > 1 for part in pieces[0]) < 2:
        for words in itertools.product(*pieces[0]):
            body = " ".join("".join(words).split())
            is_start, is_end = not is_open[0] and has_word_ends(body[0]), not is_open[1] and has_word_ends(body[-1])
            yield body, _Pattern(cues, len(body), is_start, is_end)
        return
    # Families list their forms, so each is a whole word; a single word beside a star is open.
    is_family = [len(piece) > 1 or len(piece[0]) > 1 for piece in pieces]
    starts = [not is_open[0], *is_family[1:]]
    ends = [*is_family[:-1], not is_open[1]]
    expression = _GAP.join(
        f"({_EDGE if start else ''}{_expression(piece)}{_EDGE if end else ''})"
        for piece, start, end in zip(pieces, starts, ends, strict=True)
    )
    first, *others = [[word.strip() for word in part] for piece in pieces for part in piece]
    others = [words for words in others if all(words)]
    family = _Family(cues, expression, bool(others))
    for word in first:
        yield word, _Part(family, len(word), True)
    for word in max(others, key=lambda words: min(map(len, words)), default=[]):
        yield word, _Part(family, len(word), False)


def _expression(parts: list[list[str]]) -> str:
    """Give an expression for a piece; where a family may be left out, so may the blank before it."""
    found = ""
    for words in parts:
        forms = [re.escape(word) for word in sorted(words, key=len, reverse=True) if word]
        one = forms[0] if len(words) == 1 else f"(?:{'|'.join(forms)})"
        if "" in words:
            blank = r"\ " if found.endswith(r"\ ") else ""
            found, one = found.removesuffix(blank), f"(?:{blank}{one})?"
        found += one
    return found


@functools.cache
def _compiled(expression: str) -> re.Pattern[str]:
    # Most are never needed in one run, and compiling all would take seconds.
    return re.compile(expression)


class Patterns:
    """All patterns, ready to be looked for.

    Args:
        rows: dicts with `language`, `cue` and `pattern`, checked by `read_patterns`.
    """

    def __init__(self, rows: Iterable[dict[str, str]]) -> None:
        by_language: dict[str, dict[str, list[_Pattern | _Part]]] = {language: {} for language in LANGUAGES}
        cues: set[str] = set()
        for row in rows:
            names = tuple(row["cue"].split(";"))
            cues.update(names)
            for piece, pattern in _read_pattern(row["pattern"], names):
                for language in LANGUAGES if row["language"] == "*" else (row["language"],):
                    by_language[language].setdefault(piece, []).append(pattern)
        self.cues = tuple(sorted(cues))
        self._automata = {language: _automaton(pieces) for language, pieces in by_language.items()}

    def hits(self, text: str, language: str) -> list[Hit]:
        """Give the hits in a folded text, by place; those inside a longer one only where they stay true."""
        found = sorted(set(self._all_hits(text, language)), key=lambda hit: (hit.start, -hit.end))
        return [hit for hit in map(_outside(found), found) if hit.cues]

    def _all_hits(self, text: str, language: str) -> Iterator[Hit]:
        places: dict[_Family, list[int]] = {}
        with_other: set[_Family] = set()
        for last, patterns in self._automata[language].iter(text):
            for pattern in patterns:
                start, end = last + 1 - pattern.length, last + 1
                if isinstance(pattern, _Part):
                    if pattern.is_first:
                        places.setdefault(pattern.family, []).append(start)
                    else:
                        with_other.add(pattern.family)
                    continue
                if pattern.is_word_start and start and has_word_ends(text[start - 1]):
                    continue
                if pattern.is_word_end and end < len(text) and has_word_ends(text[end]):
                    continue
                yield Hit(*_whole_words(text, start, end, pattern), pattern.cues)
        for family, starts in places.items():
            if not family.has_other or family in with_other:
                yield from _family_hits(text, family, starts)


def _family_hits(text: str, family: _Family, starts: list[int]) -> Iterator[Hit]:
    expression = _compiled(family.expression)
    done = -1
    for start in sorted(set(starts)):
        match = expression.match(text, start) if start >= done else None
        if match is not None:
            spans = [match.span(number) for number in range(1, len(match.groups()) + 1)]
            gaps = tuple((one[1], other[0]) for one, other in itertools.pairwise(spans))
            yield Hit(match.start(), match.end(), family.cues, gaps)
            done = match.end()


def _whole_words(text: str, start: int, end: int, pattern: _Pattern) -> tuple[int, int]:
    """Give where the words begin and end of which a pattern with an open end found a part."""
    if not pattern.is_word_end and has_word_ends(text[end - 1]):
        while end < len(text) and has_word_ends(text[end]):
            end += 1
    if not pattern.is_word_start and has_word_ends(text[start]):
        while start and has_word_ends(text[start - 1]):
            start -= 1
    return start, end


def _automaton(pieces: dict[str, list[_Pattern | _Part]]) -> ahocorasick.Automaton:
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
            if other.end >= hit.end and other.end - other.start > hit.end - hit.start and _is_told_by(other, hit):
                return Hit(hit.start, hit.end, tuple(cue for cue in hit.cues if cue in _STAYING))
        return hit

    return cut


def _is_told_by(other: Hit, hit: Hit) -> bool:
    """Tell whether a longer hit says what a shorter one means: not by tense alone, nor across what it left open."""
    if _TENSES.issuperset(other.cues):
        return False
    return not any(start <= hit.start and hit.end <= end for start, end in other.gaps)


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
        if not _ORDERLY.fullmatch(row["pattern"]):
            raise _bad(path, number, "pattern", "words between stars, | only in braces", repr(row["pattern"]))
        key = (row["language"], row["pattern"])
        if key in seen:
            raise _bad(path, number, "pattern", "a pattern that is listed once", repr(row["pattern"]))
        seen.add(key)
        rows.append(row)
    return Patterns(rows)


def _bad(path: Path, row: int, field: str, expected: str, found: str) -> BadInput:
    where = f"features/catalog/{path.name}, row {row}, {field}"
    return BadInput(where=where, expected=expected, found=found, remedy="Correct the cell.")


@functools.cache
def packaged_patterns() -> Patterns:
    """Return the packaged patterns, read once per process."""
    return read_patterns()
