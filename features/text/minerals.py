"""Which minerals an item is about: those named, else the main products of the mines and companies named."""

__all__ = ["minerals_named", "products", "products_there"]

import re

from features.text.lexicon import Lexicon
from features.text.matching import Match, Part, names_miner, names_place
from features.text.normal import Text

_LISTED = re.compile(r"^(?:,? ?(?:and|&|y|e|et|und|dan|or|/)? ?|[、・和与及,/() ]{0,2})$")
_AND = re.compile(r"^(?:, ?|,? ?and |,? ?& ?| ?/ ?)$")
# What may stand around a single character that means a metal, in Chinese and Japanese.
_BESIDE_CHARACTER = re.compile(r"[\s、,()/:;・和与及的のをはがもにで]|^$")
_AFTER_CHARACTER = re.compile(r"[矿鉱价业厂锭精产供出进冶储资盐库市税关涨跌生输価项减增管配制禁]")


def minerals_named(parts: list[Part], contexts: frozenset[str]) -> tuple[str, ...]:
    """Give the ids of the minerals whose own names are there and mean them.

    Where one product of a mine is named and the mine as a whole is hit, its other main products are added.
    """
    metals = [match for part in parts for match in part.found.matches if match.entry.kind == "mineral"]
    has_context = (
        bool(contexts & {"mining", "supply", "trade", "price", "move"})
        or names_miner(parts)
        or names_place(parts)
        or any(not match.entry.needs for match in metals)
    )
    named: dict[str, None] = {}
    spare: dict[str, None] = {}
    for part in parts:
        metals = [match for match in part.found.matches if match.entry.kind == "mineral"]
        for place, match in enumerate(metals):
            if _counts(match, part.text, metals, place, has_context=has_context):
                kept = spare if match.entry.needs == "alone" else named
                kept |= dict.fromkeys(match.entry.ids)
    found = tuple(named or spare)
    return _with_whole_mine(parts, found) if "hit" in contexts else found


def _counts(match: Match, text: Text, metals: list[Match], place: int, *, has_context: bool) -> bool:
    needs = match.entry.needs
    if needs in ("", "symbol", "alone"):
        return True
    neighbours = metals[max(0, place - 1) : place] + metals[place + 1 : place + 2]
    if needs == "metal":
        return any(_is_joined(match, other, text, _AND) for other in neighbours)
    is_listed = any(_is_joined(match, other, text, _LISTED) for other in neighbours)
    if needs == "character":
        return has_context and (is_listed or _stands_alone(match, text))
    return has_context or is_listed


def _is_joined(match: Match, other: Match, text: Text, joins: re.Pattern[str]) -> bool:
    first, second = sorted((match, other), key=lambda each: each.start)
    return bool(joins.match(text.folded[first.end : second.start]))


def _stands_alone(match: Match, text: Text) -> bool:
    before = text.folded[match.start - 1 : match.start] if match.start else ""
    after = text.folded[match.end : match.end + 1]
    return bool(_AFTER_CHARACTER.match(after)) or (
        bool(_BESIDE_CHARACTER.match(before)) and bool(_BESIDE_CHARACTER.match(after))
    )


def _with_whole_mine(parts: list[Part], named: tuple[str, ...]) -> tuple[str, ...]:
    # What stops a mine stops all that it produces.
    for part in parts:
        for match in part.found.matches:
            is_mine = match.entry.kind == "mine" and not match.entry.needs
            if named and is_mine and set(named) < set(match.entry.ids):
                return match.entry.ids
    return named


def products(parts: list[Part], contexts: frozenset[str], *, has_cue: bool) -> tuple[str, ...]:
    """Give the main products of the mines named, else of the companies, else of the districts; the title goes first.

    Args:
        parts: title and summary.
        contexts: what the item speaks of; company matters say nothing of what a company produces.
        has_cue: whether names that have other meanings count.
    """
    for part in parts:
        for kinds in (("mine", "plant"), ("company",), ("province",)):
            if kinds == ("company",) and "corporate" in contexts:
                continue
            found: dict[str, None] = {}
            for match in part.found.matches:
                if match.entry.kind in kinds and (has_cue or not match.entry.needs):
                    found |= dict.fromkeys(match.entry.ids)
            if found:
                return tuple(found)
    return ()


def products_there(parts: list[Part], suppliers: tuple[str, ...], lexicon: Lexicon) -> tuple[str, ...]:
    """Give what the companies named produce in the countries chosen; nothing where a mine says it better."""
    matches = [(part, match) for part in parts for match in part.found.matches]
    if any(match.entry.kind in ("mine", "plant") and match.entry.ids for _, match in matches):
        return ()
    found: dict[str, None] = {}
    for part, match in matches:
        if match.entry.kind == "company":
            company = part.text.folded[match.start : match.end].replace("-", " ")
            for iso3 in suppliers:
                found |= dict.fromkeys(lexicon.products.get((company, iso3), ()))
    return tuple(found)
