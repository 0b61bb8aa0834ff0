"""Which countries' supply an item is about, chosen among all that it names.

Mines, provinces and people stand for their country; a country that is named is weighed by its part, as told in
`features.text.roles`. The best is kept, with those as sure as it and those that stand in one list with it. An item that
speaks neither of minerals nor of mining has suppliers only where a producing country is hit as a whole; price talk has
none.
"""

__all__ = ["suppliers_of"]

import re
from dataclasses import dataclass

from features.text.lexicon import Entry, Lexicon
from features.text.matching import Part, names_miner
from features.text.normal import Text
from features.text.roles import ENOUGH, LISTED, NAMED, SURE, standing

_PLACE_WEIGHT = {"mine": 3.2, "plant": 3.2, "province": 3.0, "company": 2.8, "person": 2.2}
_DOUBT = 0.6
_SUMMARY_LOSS = 0.6
# Countries this close to the best one are suppliers as well.
_MARGIN = 0.3
# Countries named straight at a metal weigh more than this: "Russian gold".
_BY_THE_METAL = 2.7
_DIGEST = re.compile(r"^[^ :]{2,12}: ?\S")
# News of mining in this language is of this country where it names none.
_OWN_COUNTRY = {"id": "IDN"}
# In Chinese only news of the state's own rules is: quotas handed down, lists of exporters, "the whole country".
_AT_HOME = re.compile("全国|指标|下达|名单|许可|天花板|停采|两部门|印发|收储|出口退税|管制")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A country that may be the supplier, where it is named, and its best weight."""

    iso3: str
    weight: float
    part: str
    start: int
    end: int
    is_company: bool = False


def suppliers_of(
    parts: list[Part], contexts: frozenset[str], minerals: tuple[str, ...], language: str, lexicon: Lexicon
) -> tuple[str, ...]:
    """Give the suppliers of an item, sorted.

    Args:
        parts: title and summary.
        contexts: what the item speaks of.
        minerals: those it is about.
        language: of the title.
        lexicon: says which countries are producers.
    """
    has_miner = names_miner(parts)
    # Digests of mining news in Japanese begin with the country: "ペルー:…".
    is_digest = language == "ja" and bool(_DIGEST.match(parts[0].text.original))
    is_mining = bool(minerals) or has_miner or is_digest or "mining" in contexts
    if not is_mining and "shock" not in contexts:
        return ()
    if not has_miner and not _names_place(parts) and _is_price_talk(parts, contexts, minerals):
        return ()
    candidates = _candidates(parts, language, has_cue=is_mining or bool(contexts & {"supply", "trade"}))
    if not is_mining:
        candidates = [each for each in candidates if each.iso3 in lexicon.producers]
    if _is_haven(minerals) and not has_miner and not contexts & {"mining", "supply"}:
        candidates = [each for each in candidates if each.weight > _BY_THE_METAL]
    if language == "zh":
        candidates += _single_characters(parts)
    if not candidates and is_mining and language in _OWN_COUNTRY:
        return (_OWN_COUNTRY[language],)
    if not candidates and minerals and language == "zh" and _AT_HOME.search(parts[0].text.folded):
        return ("CHN",)
    return tuple(sorted(set(_chosen(candidates, parts))))


def _names_place(parts: list[Part]) -> bool:
    return any(match.entry.kind in ("province", "person") for part in parts for match in part.found.matches)


def _is_price_talk(parts: list[Part], contexts: frozenset[str], minerals: tuple[str, ...]) -> bool:
    if "price" in contexts or any(part.found.has_moving_metal for part in parts):
        return not contexts & ({"mining", "supply"} if _is_haven(minerals) else {"mining", "supply", "shock"})
    return False


def _is_haven(minerals: tuple[str, ...]) -> bool:
    # Unrest anywhere moves the price of gold; an earthquake moves that of copper only where copper is mined.
    return bool(minerals) and set(minerals) <= {"gold", "silver"}


def _candidates(parts: list[Part], language: str, *, has_cue: bool) -> list[_Candidate]:
    best: dict[str, _Candidate] = {}
    for part in parts:
        for match in part.found.matches:
            entry = match.entry
            if not entry.iso3 or (entry.needs == "cue" and not has_cue):
                continue
            is_country = entry.kind == "country"
            weight = standing(part.text, match, part.found.matches, language) if is_country else _place_weight(entry)
            candidate = _Candidate(entry.iso3, weight, part.name, match.start, match.end, entry.kind == "company")
            known = best.get(entry.iso3)
            if known is None or _rank(candidate) < _rank(known):
                best[entry.iso3] = candidate
    return list(best.values())


def _place_weight(entry: Entry) -> float:
    return _PLACE_WEIGHT[entry.kind] - (_DOUBT if entry.needs else 0.0)


def _rank(candidate: _Candidate) -> float:
    """Give the place of a candidate in the order, best first: what the summary says counts a little less."""
    return -candidate.weight + (_SUMMARY_LOSS if candidate.part == "summary" else 0.0)


def _chosen(candidates: list[_Candidate], parts: list[Part]) -> list[str]:
    """Keep the best candidate, those as sure as it, and those that stand in one list with a kept one."""
    able = sorted((each for each in candidates if each.weight > ENOUGH), key=_rank)
    if any(not each.is_company and each.weight >= NAMED for each in able):
        # "EGA's mine in Guinea", "Rusal's refinery in Ireland": the country of the place, not of the company.
        able = [each for each in able if not each.is_company]
    if not able:
        return []
    most = max(_rank(able[0]), -SURE) + _MARGIN
    kept = [each for each in able if _rank(each) <= most] if able[0].weight >= NAMED else able[:1]
    texts = {part.name: part.text for part in parts}
    for each in able:
        if each not in kept and any(_is_listed_with(each, other, texts) for other in kept):
            kept.append(each)
    return [each.iso3 for each in kept]


def _is_listed_with(one: _Candidate, other: _Candidate, texts: dict[str, Text]) -> bool:
    if one.part != other.part:
        return False
    first, second = sorted((one, other), key=lambda each: each.start)
    return bool(LISTED.match(texts[one.part].folded[first.end : second.start]))


# Headlines in Chinese shorten countries to one character, which only its part in the sentence can tell from a word.
_CHARACTERS = {
    "俄": "RUS", "印": "IND", "缅": "MMR", "越": "VNM", "菲": "PHL", "智": "CHL", "秘": "PER", "澳": "AUS", "蒙": "MNG",
    "哈": "KAZ", "刚": "COD", "几": "GIN", "津": "ZWE", "赞": "ZMB", "加": "CAN", "伊": "IRN", "乌": "UKR", "泰": "THA",
    "南": "ZAF", "巴": "BRA", "美": "USA", "墨": "MEX",
}  # fmt: skip
_ONE = "([" + "".join(_CHARACTERS) + "])"
_TARGET = re.compile(rf"对{_ONE}(?=[^出口]{{0,10}}(?:制裁|禁运|禁令))|[从自]{_ONE}(?=进口|采购)")
_RULES = re.compile(
    rf"(?:^|[ ,:;!?、|】]){_ONE}"
    r"(?=(?:政府|国会|总统|军方|当局|方|官方|拟|将|欲|或|已|再|临时|正式|宣布|考虑|计划|威胁|决定|将要|最高法院|法院)*"
    r"(?:(?:计划|拟|将|宣布|考虑).{0,14}(?:施行|实施|生效|执行)"
    r"|新?(?:出口|产)|(?:禁|限制|暂停|解除|恢复|撤销|吊销|停止|上调|下调|削减|收紧|放宽|收回|国有化|延长|叫停|取消|批准|提高).{0,14}"
    r"(?:出口|矿|产量|配额|铜|铝|镍|锂|钴|锡|稀土|铀|金)))"
)


def _single_characters(parts: list[Part]) -> list[_Candidate]:
    return [
        _Candidate(_CHARACTERS[match[match.lastindex or 0]], SURE, part.name, match.start(), match.end())
        for part in parts
        for pattern in (_TARGET, _RULES)
        for match in pattern.finditer(part.text.folded)
    ]
