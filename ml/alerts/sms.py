"""Short messages that fit one SMS: 160 characters of GSM-7, or 70 of UCS-2.

The alphabet and its extension table are those of 3GPP TS 23.038 (formerly GSM 03.38), section 6.2.1: a character of
the extension table is sent as two septets. A text with any other character goes as UCS-2, counted in 16-bit units.
One message holds 140 octets: 160 septets or 70 units. Longer ones are split and may come in any order, so texts are
shortened instead.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["GSM_UNITS", "UCS_UNITS", "first_that_fits", "fits", "is_gsm", "short_text", "to_gsm", "units"]

GSM_UNITS, UCS_UNITS = 160, 70
# fmt: off
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# fmt: on
EXTENSION = "\f^{}\\[~]|€"
PLAIN = str.maketrans(
    {"\u2212": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " ", "…": "..."}
)
Json = Mapping[str, Any]


def is_gsm(text: str) -> bool:
    """Tell whether every character is one of GSM-7."""
    return all(letter in BASIC or letter in EXTENSION for letter in text)


def units(text: str) -> int:
    """Count septets of a GSM-7 text, 16-bit units of any other.

    Example:
        >>> units("a€"), units("鈷")
        (3, 1)
    """
    if is_gsm(text):
        return sum(2 if letter in EXTENSION else 1 for letter in text)
    return len(text.encode("utf-16-be")) // 2


def fits(text: str) -> bool:
    """Tell whether a text is one message."""
    return units(text) <= (GSM_UNITS if is_gsm(text) else UCS_UNITS)


def to_gsm(text: str) -> str:
    """Write Latin text in GSM-7: accents that it lacks go (Côte d'Ivoire: Cote), dashes and quotes become plain."""
    found = []
    for letter in text.translate(PLAIN):
        if is_gsm(letter):
            found.append(letter)
            continue
        bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        found.append(bare if bare and is_gsm(bare) else "?")
    return "".join(found)


def first_that_fits(candidates: Sequence[str]) -> str:
    """Give the first text that is one message; the last one is cut if none is."""
    for text in candidates:
        if fits(text):
            return text
    text = candidates[-1]
    while not fits(text):
        text = text[:-1]
    return text


def short_text(facts: Json, language: str, *, is_drill: bool, address: str = "") -> str:
    """Give a change, a digest or a notice as one SMS: mineral, supplier, probability, change and id stay to the last.

    Args:
        facts: of `ml.alerts.facts`.
        language: `en` or `zh-Hant`.
        address: where to look; left out first when the text is too long.
    """
    chinese = language == "zh-Hant"
    words = _chinese if chinese else _english
    about = {"digest": _digest, "held": _held}.get(facts["kind"], _change)
    texts = [about(facts, words, level) for level in range(4)]
    if address:
        texts = [f"{texts[0]} {address}", *texts]
    mark = words("drill") if is_drill else ""
    texts = [mark + text for text in texts]
    return first_that_fits(texts if chinese else [to_gsm(text) for text in texts])


def _percent(share: float | None) -> str:
    if share is None:
        return "?"
    return "<1%" if 0 < share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{100 * share:.0f}%"


def _points(change: float | None) -> str:
    return "" if change is None or abs(change) < 0.0005 else f"{100 * change:+.1f}"


def _change(facts: Json, words: Callable[[str], str], level: int) -> str:
    kind, tier, target = words(facts["kind"]), words(facts["tier"]), words(facts["target"])
    p, normal = _percent(facts["probability"]), _percent(facts["base_rate"])
    span = f"({100 * facts['p_low']:.0f}-{100 * facts['p_high']:.0f})"
    name, change, of = facts["warning_id"], _points(facts["change"]), facts["window"]
    day = facts.get("figures_as_of", facts["as_of"])
    codes = f"{facts['mineral']} {facts['supplier']}"
    if words is _chinese:
        kind += f"({facts['by'][:8]})" if facts["kind"] == "acknowledged" else ""
        pair, moved = f"{facts['supplier_zh']}{facts['mineral_zh']}", f"週變{change}" if change else ""
        return (
            f"{name}{kind}:{pair}{of}{target}機率{p}{span}常態{normal}{moved}{tier};截至{day}",
            f"{name}{kind}:{pair}{of}{target}{p}{span}{moved}{tier} {day}",
            f"{name}{kind}:{pair}{target}{p}{change} {day}",
            f"{name}{kind}:{codes} {p}{change} {day}",
        )[level]
    kind += f" {facts['by'][:20]}" if facts["kind"] == "acknowledged" else ""
    about = f"{name} {kind}, {tier}: {facts['mineral_en']} from {facts['supplier_en']}, {target} {of}: {p} {span}"
    week, points = (f", {change} pts in a week", f", {change} pts") if change else ("", "")
    return (
        f"{about}, normal {normal}{week}; data of {facts['data_as_of'] or '?'}, as of {day}",
        f"{about}{points}; as of {day}",
        f"{name} {kind}, {tier}: {codes}, {target} {of}: {p} {span}{points}; as of {day}",
        f"{name} {kind}: {codes} {p}{points}; as of {day}",
    )[level]


def _digest(facts: Json, words: Callable[[str], str], level: int) -> str:
    top = facts["lines"][0] if facts["lines"] and level < 2 else None
    tiers, day = ", ".join(f"{words(tier)} {n}" for tier, n in facts["by_tier"].items()), facts["as_of"]
    if words is _chinese:
        first = f";最高{top['supplier_zh']}{top['mineral_zh']}{_percent(top['probability'])}" if top else ""
        return f"另有{facts['count']}則警示{f'({tiers})' if level in (0, 2) else ''}{first} {day}"
    first = ""
    if top is not None:
        place = (
            f"{top['mineral_en']} from {top['supplier_en']}" if level == 0 else f"{top['mineral']} {top['supplier']}"
        )
        first = f"; highest {place} {_percent(top['probability'])}"
    return f"Digest of {facts['count']} more warnings{f' ({tiers})' if level < 3 else ''}{first}; as of {day}"


def _held(facts: Json, words: Callable[[str], str], level: int) -> str:
    count, day, since = facts["count"], facts["as_of"], facts["since"]
    if words is _chinese:
        return f"{day}沒有可信的預測;{count}則警示維持不變{f',以{since}資料為準' if since else ''}"
    stand = f"{count} warnings stand unchanged{f', as of {since}' if since else ''}"
    return f"No trusted forecast for {day}: {stand}. Look before you rely on them."


ENGLISH = {
    "drill": "DRILL ",
    "supply_drop": "exports down 30%+",
    "severe_supply_drop": "exports down 50%+",
    "restriction_onset": "new export curb",
    "price_spike": "price up 25%+",
    "production_drop": "output drop",
    "raised": "WARNING",
    "updated": "UPDATE",
    "cleared": "CLEARED",
    "acknowledged": "ACKNOWLEDGED by",
}
CHINESE = {
    "drill": "【演習】",
    "supply_drop": "出口減30%以上",
    "severe_supply_drop": "出口減半以上",
    "restriction_onset": "新出口限制",
    "price_spike": "價格飆升",
    "production_drop": "減產",
    "raised": "警示",
    "updated": "更新",
    "cleared": "解除",
    "acknowledged": "已確認",
    "severe": "嚴重",
    "elevated": "偏高",
    "guarded": "留意",
    "low": "低",
}


def _english(word: str) -> str:
    return ENGLISH.get(word, word)


def _chinese(word: str) -> str:
    return CHINESE.get(word, word)
