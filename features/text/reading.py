"""What an item says, as cues: the step between its words and the event that they mean.

`read` finds the cues of title and summary with the patterns of the item's language and adds where the item stands; the
rest of the way, rules and weights, sees nothing of the words, only these.
"""

__all__ = ["Reading", "features_of", "read"]

from dataclasses import dataclass

from features.text.entities import Entities, Mention
from features.text.patterns import WITHOUT_ENDS, Hit, Patterns, packaged_patterns
from features.text.rules import RELIEF, Rule, packaged_rules, points

# Kinds of names that tell something of the event: a mine is stopped, a company struck, a country at war.
_KINDS = ("mineral", "country", "place", "company", "mine")
# Where a hint is more than a hint: "burns" is little, "Escondida burns" is a fire.
_SITES = frozenset({"company", "mine"})
# Cues inside such names are not meant: "Austral Gold", "Olympic Dam", "gold medal".
_MASKING = frozenset({"company", "mine", "nothing"})
_POINTS_SCALE = 0.2
# "Lifts export ban" is relief, "bans exports and lifts royalties" is not: how many characters may stand between.
# Words that end or cut anything ("undo") relieve only what is a restriction for sure.
_RESTRICTIONS = frozenset({"ban", "conflict", "control", "quota", "sanction", "strike", "tax"})
_ENDED_BY = {"avert": _RESTRICTIONS, "lift": _RESTRICTIONS | {"blocked", "halt"}, "undo": _RESTRICTIONS}
_NEAR, _NEAR_WITHOUT_ENDS = 22, 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Cues of the title, of title and summary together, and the points of each event type; `best` has most.

    `text` is the folded title, `language` whose patterns were used.
    """

    title: frozenset[str]
    everything: frozenset[str]
    kinds: frozenset[str]
    points: dict[str, float]
    best: str
    text: str
    language: str


def read(entities: Entities, patterns: Patterns | None = None, rules: tuple[Rule, ...] | None = None) -> Reading:
    """Read an item whose entities are known; the packaged patterns and rules are used if none are given."""
    patterns, rules = patterns or packaged_patterns(), rules or packaged_rules()
    title = _cues(entities, "title", patterns)
    everything = title | _cues(entities, "summary", patterns)
    standing = {"with_supplier" if entities.suppliers else "without_supplier"}
    # What the title leaves open the item as a whole may say.
    is_mining = bool(entities.minerals) or "mining" in everything
    standing.add("in_mining" if is_mining else "not_in_mining")
    if "mining" in everything or any(mention.kind in _SITES for mention in entities.mentions):
        standing.add("at_site")
    found = points(rules, title | standing, everything | standing)
    kinds = {mention.kind for mention in entities.mentions if mention.kind in _KINDS}
    if entities.minerals:
        kinds.add("minerals")
    if len(entities.suppliers) == 1:
        kinds.add("one_supplier")
    best = max(found, key=lambda event_type: (found[event_type], event_type))
    return Reading(
        title | standing, everything | standing, frozenset(kinds), found, best, entities.title.folded, entities.language
    )


def _cues(entities: Entities, field: str, patterns: Patterns) -> frozenset[str]:
    text = (entities.title if field == "title" else entities.summary).folded
    if not text:
        return frozenset()
    masks = [each for each in entities.mentions if each.field == field and each.kind in _MASKING]
    hits = [hit for hit in patterns.hits(text, entities.language) if not _is_masked(hit.start, hit.end, masks)]
    cues = {cue for hit in hits for cue in hit.cues}
    if _is_relieved(hits, _NEAR_WITHOUT_ENDS if entities.language in WITHOUT_ENDS else _NEAR):
        cues.add(RELIEF)
    return frozenset(cues)


def _is_relieved(hits: list[Hit], near: int) -> bool:
    """Tell whether a word of ending or easing stands close to one for what it may end."""
    return any(
        max(one.start, other.start) - min(one.end, other.end) <= near
        for cue, ended in _ENDED_BY.items()
        for one in hits
        if cue in one.cues
        for other in hits
        if not ended.isdisjoint(other.cues)
    )


def _is_masked(start: int, end: int, masks: list[Mention]) -> bool:
    return any(mask.start <= start and end <= mask.end for mask in masks)


def features_of(reading: Reading) -> dict[str, float]:
    """Give what the classifier sees of a reading, by name; features that are not there are 0."""
    features = {f"title:{cue}": 1.0 for cue in reading.title}
    features |= {f"any:{cue}": 1.0 for cue in reading.everything}
    features |= {f"kind:{kind}": 1.0 for kind in reading.kinds}
    features |= {f"points:{name}": worth * _POINTS_SCALE for name, worth in reading.points.items()}
    features[f"best:{reading.best}"] = 1.0
    return features
