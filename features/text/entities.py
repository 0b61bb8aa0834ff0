"""Which minerals and suppliers a news item is about, and where their names stand in it.

The names of the catalogue are found in title and summary (`features.text.matching`); what they mean together is decided
for minerals in `features.text.minerals` and for suppliers in `features.text.suppliers`. Sport, film and space are no
supply, nor is uranium where it is about weapons.
"""

__all__ = ["Entities", "Mention", "find_entities"]

from dataclasses import dataclass

from features.catalog import Catalog, load_catalog
from features.text.items import Item
from features.text.languages import language_of
from features.text.lexicon import lexicon_of
from features.text.matching import Match, Part, find
from features.text.minerals import minerals_named, products, products_there
from features.text.normal import MAX_SUMMARY, MAX_TITLE, Text, text_of
from features.text.suppliers import suppliers_of

_WEAPONS = frozenset({"IRN", "PRK"})


@dataclass(frozen=True, slots=True)
class Mention:
    """One name in an item: where it stands in the cleaned title or summary, its kind, and the ids it stands for.

    `kind` is `mineral`, `country`, `place`, `company`, `mine`, or `nothing` for a phrase whose words do not mean what
    they mean alone ("gold medal"); `value` holds mineral ids for a mineral, else one ISO3 code, "" for companies of
    many countries and for nothing; `field` is `title` or `summary`.
    """

    start: int
    end: int
    kind: str
    value: tuple[str, ...]
    field: str


@dataclass(frozen=True, slots=True)
class Entities:
    """Minerals and suppliers of an item, sorted, its mentions, and its texts in the form that they were read in."""

    minerals: tuple[str, ...]
    suppliers: tuple[str, ...]
    mentions: tuple[Mention, ...]
    title: Text
    summary: Text
    language: str


def find_entities(item: Item, catalog: Catalog | None = None) -> Entities:
    """Find the minerals and suppliers of an item.

    Args:
        item: the item; only the first 2,000 characters of its title and 4,000 of its summary are read.
        catalog: whose names to look for; the packaged one if not given.
    """
    lexicon = lexicon_of(catalog or load_catalog())
    title, summary = text_of(item.title, MAX_TITLE), text_of(item.summary, MAX_SUMMARY)
    language = language_of(title.folded or summary.folded, item.language)
    parts = [
        Part(name, text, find(text, lexicon, language))
        for name, text in (("title", title), ("summary", summary))
        if text.folded
    ]
    contexts = frozenset[str]().union(*(part.found.contexts for part in parts))
    mentions = tuple(_mention(match, part.name) for part in parts for match in part.found.matches + part.found.phrases)
    named = minerals_named(parts, contexts)
    if not parts or _is_other_matter(parts, contexts, named):
        return Entities((), (), mentions, title, summary, language)
    minerals = named or products(parts, contexts, has_cue=bool(contexts & {"mining", "supply"}))
    suppliers = suppliers_of(parts, contexts, minerals, language, lexicon)
    if not named:
        minerals = products_there(parts, suppliers, lexicon) or minerals
    return Entities(tuple(sorted(minerals)), suppliers, mentions, title, summary, language)


def _is_other_matter(parts: list[Part], contexts: frozenset[str], named: tuple[str, ...]) -> bool:
    if "space" in contexts or ("veto" in contexts and "mining" not in contexts):
        return True
    countries = {match.entry.iso3 for part in parts for match in part.found.matches}
    return named == ("uranium",) and bool(countries & _WEAPONS) and "mining" not in contexts


def _mention(match: Match, field: str) -> Mention:
    entry = match.entry
    kinds = {"mine": "mine", "plant": "mine", "province": "place", "person": "place"}
    value = entry.ids if entry.kind == "mineral" else (entry.iso3,)
    return Mention(match.start, match.end, kinds.get(entry.kind, entry.kind), value, field)
