"""Which entries of a list of sanctions are businesses of mining or metals, and of which minerals, by their own words.

Strict, since names lie: people are called Gold and Silver, ships Golden, hotels Iron. Only what is said of the business
itself is given here (its names, its purpose), never whom it is linked to. The rules, on whole words without case:

- Some words decide alone: mining, mines, metals, steel, smelter, aluminium, nickel and other metals that are no name.
- Words with other meanings (gold, silver, iron, diamond, metal, mineral, coal) count only right before a word for a
  business in them (gold refinery, iron ore, metal trading).
- Names that stand for such a business (features/catalog/sanctioned_metals.csv) decide alone.
- A bank, a ministry, a mineral water or coal tar is none, whatever else is said, unless the list gives mining or metals
  as its purpose.
- Minerals are those whose English words of the catalogue stand there, only if the business is of mining or metals.

How well that does is measured in docs/source-notes/ofac_sdn.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from features.catalog import load_catalog
from features.catalog.sanctions import load_metal_names

__all__ = ["metals_of"]

METALS = (
    "aluminium|aluminum|alumina|antimony|bauxite|chrom(?:e|ite|ium)|cobalt|copper|ferro(?:alloys?|chrome|nickel)|graphite"
    "|lithium|magnesium|manganese|molybdenum|nickel|niobium|palladium|platinum|potash|rare earths?|rhodium|tantalum"
    "|titanium|tungsten|uranium|vanadium|wolfram|zinc|zirconium|steel"
)
ALONE = re.compile(
    rf"\b(?:{METALS}|mining|mines|minera|mineras|minas|minerals|mineraly|metals|metall?urg\w*|metalurji|smelt(?:er|ers|ing)"
    r"|foundry|goldmines?|coalmines?|collier(?:y|ies)|diamonds|iron ore|iron (?:and|&) steel|non-?ferrous|gorno\w*"
    r"|alloys?|precious metals?)\b"
)
# Which of the words with other meanings are believed beside which business: "Iron Mountain Enterprises" is no mine.
BELIEVED = re.compile(
    r"\bgold (?:refinery|traders?|trading|company|co|llc|plc|ltd|corporation|and exchange)\b"
    r"|\b(?:metal|mineral|iron) (?:& |and )?(?:mineral |metal )?"
    r"(?:trad(?:e|ing)|commerce|industr(?:y|ies)|company|ores?)\b"
    r"|\bcoal (?:mine|company|trading|corporation|industry)\b|\bdiamond (?:industries|mine|company)\b"
    r"|\bsilver (?:refinery|mine|company)\b"
)
NOT_METALS = re.compile(
    r"\bbanks?\b|\bministr(?:y|ies)\b|\bmineral waters?\b|\bcoal tar\b|\bland ?mines?\b|\bmine clearance\b"
)
PURPOSE = re.compile(
    r"\bmining of\b|\bmetal ores?\b|\bwholesale of metals\b|\bcasting of\b"
    r"|\bmanufacture of basic (?:precious|iron|metals)\b"
)


def metals_of(names: Iterable[str], purpose: str = "") -> tuple[bool, str]:
    """Tell whether a business is of mining or metals, and of which minerals.

    Args:
        names: the names by which the list calls it, in Latin letters.
        purpose: what the list says it does, such as "Mining of hard coal".

    Returns:
        Whether it is, and ids of minerals with `;` between, sorted.
    """
    text = " | ".join(" ".join(name.lower().replace("_", " ").split()) for name in names)
    has_purpose = PURPOSE.search(purpose.lower()) is not None
    known = [ids for pattern, ids in _known() if pattern.search(text)]
    by_name = not NOT_METALS.search(text) and (ALONE.search(text) is not None or BELIEVED.search(text) is not None)
    if not (by_name or has_purpose or known):
        return False, ""
    pattern, words = _minerals()
    found = {words[match.group()] for match in pattern.finditer(text)}
    found |= {mineral for ids in known for mineral in ids}
    return True, ";".join(sorted(found))


@cache
def _known() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    return tuple((re.compile(rf"\b{re.escape(name)}\b"), ids) for name, ids in load_metal_names().items())


@cache
def _minerals() -> tuple[re.Pattern[str], dict[str, str]]:
    catalog = load_catalog()
    own = catalog.aliases[catalog.aliases["language"].eq("en") & catalog.aliases["kind"].isin(["name", "compound"])]
    words = {word.lower(): mineral for word, mineral in zip(own["alias"], own["mineral"], strict=True)}
    words |= {mineral.name_en.lower(): id_ for id_, mineral in catalog.minerals.items()}
    # In a name "lead" is mostly a verb, and steel no ore.
    words = {word: id_ for word, id_ in words.items() if len(word) > 2 and word not in ("lead", "steel", "mercury")}
    words |= {"goldmine": "gold", "goldmines": "gold"}
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b"), words
