"""The words that texts are searched for: every name of the catalogue in one automaton, built once per process.

Each name carries what it means (`Entry`) and how it must stand in the text to count: with ends of words around it,
in capitals, in its own language, or only where the text speaks of mining. The names themselves are data in
`features/catalog/`; the rules that need a reason stand here.
"""

__all__ = ["NEVER_SUPPLIERS_BY_NAME", "Entry", "Lexicon", "lexicon_of", "reported", "spelled"]

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import ahocorasick

from features.catalog import Catalog
from features.catalog.names import Names, load_names
from features.text.normal import folded, normal

# The catalogue is finer than the list of minerals that a link may name; what is missing here and there is dropped.
_REPORTED = {
    "alumina": "aluminium",
    "ferrochrome": "chromium",
    "graphite_battery": "graphite",
    "manganese_metal": "manganese",
    "nickel_sulphate": "nickel",
    "rare_earth_magnets": "rare_earths",
    "rare_earth_metals": "rare_earths",
    "refined_copper": "copper",
    "refined_nickel": "nickel",
    "scandium": "rare_earths",
    "tantalum_niobium_ores": "tantalum",
    "titanium_metal": "titanium",
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOT_REPORTED = _words(
    "asbestos bentonite caesium diatomite gypsum iridium phosphorus rhenium rubidium ruthenium strontium"
)
# Countries that the news names as buyers, investors and actors more often than as suppliers.
NEVER_SUPPLIERS_BY_NAME = _words("USA JPN KOR GBR DEU FRA ITA NLD BEL CHE SGP HKG TWN ARE SAU DNK AUT LUX ISR GEO")
# Words for a metal that mean something else as often: they count beside mining, trade or another metal.
_WEAK = _words(
    "or oro plata plomo hierro boro cromo helio mercurio platino titanio silicio ouro prata ferro chumbo platina bore "
    "fer mercure platine titane emas perak besi seng merkuri silber blei zinn titan kali eisen gold "
    "白金 プラチナ 黄金 白银 水银 汞 氦 チタン ヘリウム 水銀 구리 수은 주석 백금 티타늄 아연 "
    "золото золота серебро серебра олово ртуть титан титана уран сера железо медь меди"
)
_WEAK_IN_ENGLISH = _words(
    "gold silver platinum iron mercury titanium silicon chrome helium bullion graphite palladium tin boron lead "
    "magnesium selenium sulphur sulfur arsenic silica hafnium"
)
# Acids are reagents and by-products: they are what an item is about only where it names no other mineral.
_ALONE = frozenset(
    (
        *("硫酸", "황산", "sulfuric acid", "sulphuric acid", "acide sulfurique", "acido sulfurico", "asam sulfat"),
        *("schwefelsaure", "серная кислота"),
    )
)
# In English these are verbs, cans and habits of speech first: they need a metal beside them.
_STRICT = _words("lead iron")
_LONG = 6
# Symbols of one letter, and those that are words or names.
_NO_SYMBOLS = _words("As B C F He I In K No P S U V W Be Hg Al Ba Cd Li2O Co Li")
# One Chinese character stands for these in personal and place names, money and colours.
_COMMON_CHARACTERS = frozenset("金银铁锡铅铜铝锌硫钾硼磷砷汞镁")
# These stand in hardly anything but the metal.
_RARE_CHARACTERS = frozenset("镓锗锑铀铟铋铍铌钽锆铪镝铽钕镨钒")


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning of one name, and how the name must stand in a text to have it.

    `kind` is `mineral`, `country`, `mine`, `plant`, `company`, `province`, `person`, `nothing` (a phrase that means
    none) or `context`; `ids` are mineral ids, or the words of a context; `iso3` is "" where there is no country.
    """

    kind: str
    ids: tuple[str, ...] = ()
    language: str = ""
    needs: str = ""
    iso3: str = ""
    is_capital: bool = False
    exact: str = ""
    opens_before: bool = False
    opens_after: bool = False
    name: str = ""


@dataclass(frozen=True)
class Lexicon:
    """All names in an automaton, folded and with blanks for hyphens, and what is known of those named.

    `producers` are the countries with a mine in the catalogue; `products` the main products by company and country.
    """

    automaton: ahocorasick.Automaton
    producers: frozenset[str]
    products: dict[tuple[str, str], tuple[str, ...]]


def reported(minerals: tuple[str, ...]) -> tuple[str, ...]:
    """Give the ids under which a link names minerals of the catalogue; those it has no id for are left out."""
    return tuple(dict.fromkeys(_REPORTED.get(each, each) for each in minerals if each not in _NOT_REPORTED))


def spelled(name: str) -> str:
    """Give a name as it is looked for: folded, hyphens as blanks."""
    return folded(name).replace("-", " ")


class _ById:
    """Holds a catalogue and equals another that holds the same one: catalogues themselves cannot be hashed."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def __hash__(self) -> int:
        return id(self.catalog)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.catalog is self.catalog


@functools.lru_cache(maxsize=4)
def _build(held: _ById) -> Lexicon:
    catalog = held.catalog
    names = load_names()
    found: dict[str, list[Entry]] = {}
    for name, entry in (
        *_mineral_entries(catalog, names),
        *_country_entries(catalog, names),
        *_place_entries(names),
        *_other_entries(names),
    ):
        word = spelled(name)
        if word:
            found.setdefault(word, []).append(entry)
    automaton = ahocorasick.Automaton()
    for word, entries in found.items():
        automaton.add_word(word, (len(word), tuple(dict.fromkeys(entries))))
    automaton.make_automaton()
    mined = {row["iso3"] for row in names.places if row["minerals"]}
    products = {
        (spelled(row["company"]), row["iso3"]): reported(tuple(row["minerals"].split(";")))
        for row in names.company_products
    }
    return Lexicon(automaton, frozenset(mined - {""}), products)


def lexicon_of(catalog: Catalog) -> Lexicon:
    """Return the lexicon of a catalogue, built once for each."""
    return _build(_ById(catalog))


def _capitals(name: str) -> str:
    """Give a name as it must be written where it begins with a capital, "" where it need not be."""
    return normal(name) if name[:1].isupper() and name[0] < "\u0530" else ""


def _is_han(word: str) -> bool:
    return any("\u3400" <= letter <= "\u9fff" for letter in word)


def _needs_of_mineral(alias: str, kind: str, language: str) -> str:
    word = spelled(alias)
    if kind == "symbol":
        return "symbol"
    if word in _ALONE:
        return "alone"
    if len(word) == 1 and _is_han(word):
        return "character" if word in _COMMON_CHARACTERS else "" if word in _RARE_CHARACTERS else "cue"
    if language == "en" and word in _STRICT:
        return "metal"
    return "cue" if word in (_WEAK_IN_ENGLISH if language == "en" else _WEAK) else ""


_Named = Iterator[tuple[str, Entry]]


def _mineral_entries(catalog: Catalog, names: Names) -> _Named:
    known = ((row["mineral"], row["language"], row["alias"], row["kind"]) for row in catalog.aliases.to_dict("records"))
    further = ((row["mineral"], row["language"], row["word"], row["kind"]) for row in names.mineral_words)
    for mineral, language, word, kind in (*known, *further):
        yield from _entries_of_mineral(mineral, language, word, kind)
    for row in names.mineral_groups:
        word = row["word"]
        exact = normal(word) if word.isupper() and word.isascii() else ""
        yield word, Entry("mineral", reported(tuple(row["minerals"].split(";"))), exact=exact)


def _entries_of_mineral(mineral: str, language: str, word: str, kind: str) -> _Named:
    ids = reported((mineral,))
    if not ids:
        # It hides what it holds: "phosphorus" is not "phosphor", 白磷 not 磷.
        yield word, Entry("nothing", language=language)
        return
    if kind == "symbol" and word in _NO_SYMBOLS:
        return
    exact = normal(word) if kind in ("symbol", "abbreviation") else ""
    needs = _needs_of_mineral(word, kind, language)
    # German nouns are written together: "Lithiumexport", "Kupfermine".
    opens = language == "de" and len(word) > 4 and not needs
    entry = Entry("mineral", ids, language, needs, exact=exact, opens_before=opens, opens_after=opens)
    yield word, entry
    if language == "en" and kind == "name" and " " not in word and needs != "metal":
        # English names are read in every language, where the text is about metals.
        is_short = len(word) < _LONG
        yield word, replace(entry, language="", needs=needs or ("cue" if is_short else ""))


def _country_entries(catalog: Catalog, names: Names) -> _Named:
    known = (
        (row["iso3"], row["language"], row["alias"], row["kind"]) for row in catalog.country_aliases.to_dict("records")
    )
    further = ((row["iso3"], row["language"], row["word"], row["kind"]) for row in names.country_words)
    for iso3, language, word, kind in (*known, *further):
        # English names are read in every language, those of the other languages in their own.
        own = "" if language == "en" and kind != "demonym" else language
        exact = normal(word) if kind == "abbreviation" else ""
        entry = Entry("country", iso3=iso3, language=own, exact=exact, is_capital=kind == "capital")
        yield word, replace(entry, name=_capitals(word))


def _place_entries(names: Names) -> _Named:
    for row in names.places:
        name = row["name"]
        minerals = reported(tuple(filter(None, row["minerals"].split(";"))))
        exact = normal(name) if name.isupper() and name.isascii() and len(name) <= 5 else ""
        needs = "cue" if row["needs_context"] == "true" else ""
        yield name, Entry(row["kind"], minerals, needs=needs, iso3=row["iso3"], exact=exact, name=_capitals(name))


def _other_entries(names: Names) -> _Named:
    for row in (*names.not_minerals, *names.not_countries):
        yield row["phrase"], Entry("nothing", language=row["language"])
    for row in names.context_words:
        word, language = row["word"], row["language"]
        before, after = word.startswith("*"), word.endswith("*")
        yield (
            word.strip("*"),
            Entry("context", (row["context"],), language=language, opens_before=before, opens_after=after),
        )
