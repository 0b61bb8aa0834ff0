"""One form for text of any language, so that what reads it never meets the same word in two spellings.

`normal` cleans a text and keeps its case; `folded` drops case, accents and the difference between traditional and
simplified Chinese characters as well. Both have the same length, so a place in one is the same place in the other.
Characters are folded one by one: a piece of a folded text is the folded piece, which lets patterns be folded alone.
"""

__all__ = ["MAX_SUMMARY", "MAX_TITLE", "Text", "folded", "normal", "text_of"]

import functools
import re
import unicodedata
from dataclasses import dataclass

import opencc

# Longer texts are no titles: what comes after is not looked at.
MAX_TITLE, MAX_SUMMARY = 2_000, 4_000

_QUOTES = {
    **dict.fromkeys(map(ord, "‘’‚‛′`´ʼʻ＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»＂"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
}
_HAN_BLOCKS = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00))
_LATIN_AND_CYRILLIC = ((0x41, 0x250), (0x370, 0x530), (0x1E00, 0x1F00))
# These are letters of their own, not letters with an accent.
_KEPT = "йЙїЇ"
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A text in its two forms, of the same length: `original` keeps case, accents and characters, `folded` does not."""

    original: str
    folded: str


def normal(text: str) -> str:
    """Clean a text: one form of every character (NFKC), nothing hidden, straight quotes, single blanks.

    Case, accents and traditional characters stay as they are.
    """
    if _NOT_PLAIN.search(text):
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
        text = _HIDDEN.sub("", text)
    return " ".join(text.split())


def folded(text: str) -> str:
    """Give the form in which texts are compared: `normal`, small letters, no accents, simplified characters."""
    return normal(text).translate(_folds())


def text_of(raw: str, most: int = MAX_TITLE) -> Text:
    """Read the first `most` characters of a text in both forms; the rest, however long, costs nothing."""
    # NFKC may make one character into eighteen.
    clean = normal(raw[:most])[:most]
    return Text(clean, clean.translate(_folds()))


@functools.cache
def _folds() -> dict[int, str]:
    """Give what each character becomes, always one character; what is missing stays."""
    table: dict[int, str] = {}
    for first, end in _LATIN_AND_CYRILLIC:
        for code in range(first, end):
            letter = chr(code)
            base = letter if letter in _KEPT else unicodedata.normalize("NFD", letter)[0]
            small = base.lower()
            if len(small) == 1 and small != letter:
                table[code] = small
    table |= {ord(letter): plain for letter, plain in zip("øØłŁđĐðÐıİ", "oollddddii", strict=True)}
    to_simplified = opencc.OpenCC("t2s").convert
    for first, end in _HAN_BLOCKS:
        letters = [chr(code) for code in range(first, end)]
        # A line each, so that no phrase of two characters is seen.
        for letter, simple in zip(letters, to_simplified("\n".join(letters)).split("\n"), strict=True):
            if simple != letter and len(simple) == 1:
                table[ord(letter)] = simple
    return table
