"""What part a country plays in an item: the supplier, or only a buyer, an actor, an owner or a destination.

`standing` gives a mention of a country a weight by the words before and after it: 3 and more is a supplier by the words
("from Chile", "in Guinea", "sanctions on Russia"), about 2 a country that is simply named, 1 one that news name more
often as a buyer or actor, 0 and less one that the words make something else ("exports to the US", "Canada's Barrick").
The weights are few and fixed; how they are compared stands in `features.text.suppliers`.
"""

__all__ = ["ENOUGH", "LISTED", "NAMED", "SURE", "standing"]

import bisect
import re
from dataclasses import dataclass

from features.text.lexicon import NEVER_SUPPLIERS_BY_NAME
from features.text.matching import Match
from features.text.normal import Text
from features.text.role_patterns import after, after_exports, before, east_asian, is_owner_of

SURE, NAMED, ENOUGH, WEAK, ACTOR = 3.0, 2.0, 1.5, 1.0, 0.0

# Where many mining companies of the world sit: "Australian miner" says little of where it mines.
_HOMES_OF_MINERS = frozenset({"AUS", "CAN"})
# These buy as much as they sell.
_BOTH = frozenset({"CHN", "IND", "TUR"})
# What may stand between two names of one list.
LISTED = re.compile(r"^(?:,? ?(?:and|&|y|e|et|und|dan|serta|и)? ?|[、・和与及,/ ]{1,2}|と)$")
_LATIN = frozenset(("en", "es", "fr", "pt", "id", "de", "ru"))
_WINDOW = 48
_NEAR = 30
# A digest begins with its country: "ペルー:…", "Mali : …".
_PREFIX = re.compile(r"^ ?:")
_BEFORE_METAL = re.compile(r"(?:'s?|s')? ?(?:raw |rare |unprocessed )?")


@dataclass(frozen=True, slots=True)
class _Scene:
    """One mention with its surroundings: the text before and after it, and the next name with what is between."""

    base: float
    is_home: bool
    language: str
    before: str
    after: str
    gap: str | None
    next_kind: str
    next_length: int
    is_next_abroad: bool
    is_after_metal: bool

    @property
    def is_before_metal(self) -> bool:
        return self.next_kind == "mineral" and self.gap is not None and bool(_BEFORE_METAL.fullmatch(self.gap))


def standing(text: Text, match: Match, matches: tuple[Match, ...], language: str) -> float:
    """Weigh how far one mention of a country makes it the supplier; see the module for the scale.

    Args:
        text: the text that the mention is in.
        match: the mention.
        matches: all mentions of the text, by place.
        language: of the text.
    """
    scene = _scene(text, match, matches, language)
    if match.start <= 12 and _PREFIX.match(scene.after):
        return SURE + 0.5 if language == "ja" else max(scene.base, NAMED) + 0.5
    return _latin(scene) if language in _LATIN else _east_asian(scene)


def _scene(text: Text, match: Match, matches: tuple[Match, ...], language: str) -> _Scene:
    iso3 = match.entry.iso3
    base = WEAK if iso3 in NEVER_SUPPLIERS_BY_NAME else ENOUGH + 0.1 if iso3 in _BOTH else NAMED
    if match.entry.is_capital and iso3 != "CHN":
        # Beijing rules; other capitals are as often where people meet.
        base -= 0.3
    place = bisect.bisect_left(matches, match.end, key=lambda each: each.start)
    following = matches[place] if place < len(matches) else None
    if following is not None and following.start - match.end >= _NEAR:
        following = None
    preceding = (
        matches[bisect.bisect_left(matches, match.start, key=lambda each: each.start) - 1] if match.start else None
    )
    is_after_metal = False
    start = match.start
    if preceding is not None and preceding.end <= start:
        gap = text.folded[preceding.end : start]
        is_after_metal = preceding.entry.kind == "mineral" and gap == " "
        if preceding.entry.kind == "country" and LISTED.match(gap):
            # "con rusos y chinos": what is said of the first is said of all.
            start = preceding.start
    first = max(0, start - _WINDOW)
    plain = text.folded[first : match.end + _WINDOW].replace("-", " ")
    start, end = start - first, match.end - first
    return _Scene(
        base=base,
        is_home=base >= NAMED and iso3 not in _HOMES_OF_MINERS,
        language=language,
        before=plain[:start],
        after=plain[end:],
        gap=plain[end : following.start - first] if following else None,
        next_kind=following.entry.kind if following else "",
        next_length=following.end - following.start if following else 0,
        # A firm, or a mine elsewhere, is named straight after its owners' country: "French group Orano".
        is_next_abroad=following is not None
        and following.entry.kind in ("company", "mine", "plant")
        and following.entry.iso3 != iso3,
        is_after_metal=is_after_metal and language in ("es", "fr", "pt", "id"),
    )


def _latin(scene: _Scene) -> float:
    """Weigh by the words of languages that write them apart; the first thing that the words say decides."""
    language = scene.language
    lifted = max(scene.base, NAMED) + 0.8
    if before("target", language, scene.before):
        return ACTOR if after_exports(scene.before) else SURE
    if scene.base > WEAK and after("permits", language, scene.after):
        return SURE
    if before("towards", language, scene.before):
        rest = scene.after[len(scene.gap or "") + scene.next_length :]
        is_metal_from = scene.is_before_metal and not after("buyers_of_metal", language, rest)
        return lifted if is_metal_from else ACTOR - 0.5
    if scene.is_next_abroad and is_owner_of(scene.gap or ""):
        return ACTOR - 0.5
    if scene.is_after_metal or before("goods", language, scene.before):
        return lifted
    if after("owned", "en", scene.after):
        return ACTOR - 0.2
    if before("firm", language, scene.before) or after("firm", language, scene.after):
        return ENOUGH + 0.1 if scene.is_home else ACTOR - 0.2
    if before("demand", language, scene.before) and not scene.is_before_metal:
        return ACTOR
    if before("place", language, scene.before):
        return SURE
    if scene.after.startswith(" sanctions") and scene.base >= NAMED:
        return SURE
    return _by_what_follows(scene, lifted)


def _by_what_follows(scene: _Scene, lifted: float) -> float:
    language, text = scene.language, scene.after
    if after("buys", language, text) or (scene.base < NAMED and after("wants", language, text)):
        return ACTOR
    if after("rules_exports", language, text):
        return SURE
    if after("acts", language, text):
        return ACTOR
    if after("rules", language, text):
        return scene.base + 0.4
    if scene.is_before_metal or after("exports", language, text):
        return lifted
    return scene.base + 0.3 if before("of", language, scene.before) else scene.base


def _east_asian(scene: _Scene) -> float:
    """Weigh by the characters around a name in Chinese, Japanese and Korean."""
    weigh = {"zh": _chinese, "ja": _japanese}.get(scene.language, _korean)
    told = weigh(scene)
    if told is not None:
        return told
    if scene.is_next_abroad and scene.gap in ("", "の", "的", " ", "・"):
        return ACTOR - 0.5
    if scene.next_kind == "mineral" and scene.gap in ("", "の", "的", " ", "、", ","):
        return max(scene.base, NAMED) + 0.8
    return scene.base


def _chinese(scene: _Scene) -> float | None:
    is_towards = east_asian("zh_towards", scene.before)
    if is_towards and east_asian("zh_target", scene.after):
        return ACTOR if "出口" in scene.after[:12] or "出口" in scene.before[-6:] else SURE
    if is_towards:
        return ACTOR - 0.5
    if east_asian("zh_place", scene.before):
        return SURE
    if east_asian("zh_export_to", scene.after):
        return SURE
    if east_asian("zh_firm", scene.after) or east_asian("zh_acts", scene.after):
        return ACTOR
    return max(scene.base, NAMED) + 0.8 if east_asian("zh_exports", scene.after) else None


def _japanese(scene: _Scene) -> float | None:
    if scene.before.endswith(("対", "对")) or east_asian("ja_towards", scene.after):
        return ACTOR - 0.5
    if east_asian("ja_firm", scene.after):
        return ACTOR
    return SURE if east_asian("ja_place", scene.after) else None


def _korean(scene: _Scene) -> float | None:
    if scene.before.endswith(("대", "대 ")) or east_asian("ko_towards", scene.after):
        return ACTOR - 0.5
    if east_asian("ko_firm", scene.after):
        return ACTOR
    return SURE if east_asian("ko_place", scene.after) else None
