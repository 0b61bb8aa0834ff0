"""What each feature says in words: its theme, and its value as a phrase with a figure and a unit.

A phrase states what the model saw, never why that matters: the direction comes from the
contribution. Log ratios become percent over or under (from about twice on, "3.4 times";
at the clip of ±4, "more than 50 times" or "less than 2 % of"), shares percent, counts whole
numbers with the right plural. Themes group features that tell the same story, so that three
drivers are three reasons.
"""

from __future__ import annotations

__all__ = ["THEMES", "Facts", "phrase", "theme_of"]

import math
import string
from collections.abc import Callable, Mapping

from features.errors import ContractError
from features.signals.event_windows import WINDOWS_WEEKS
from features.signals.governance import INDICATORS
from features.signals.restrictions import KIND_GROUPS
from models import (
    geopolitics_phrases,
    hazard_phrases,
    logistics_phrases,
    mirror_phrases,
    news_phrases,
    price_phrases,
    production_phrases,
    trade_phrases,
)

# Other values of the same panel row: a phrase may name the year (`trade_last_year`) or the kinds of measures.
Facts = Mapping[str, float]
CLIP, SMALL_LOG, TIMES_FROM = 4.0, 0.005, math.log(1.95)


def theme_of(feature: str, *, is_missing: bool = False) -> str:
    """Give the theme that `feature` belongs to, one of `THEMES`.

    A price or a buyer is missing where sales stopped, so that is the story of growth.

    Raises:
        ContractError: no phrase is written for the feature.
    """
    theme = _split(feature)[0]
    return "growth" if is_missing and theme in ("price", "buyers") else theme


def phrase(feature: str, value: float, facts: Facts | None = None) -> str:
    """Say in words what `value` of `feature` means.

    Args:
        value: the feature's value; NaN gives the words for a missing one.
        facts: other values of the same row; without them years are not named.

    Raises:
        ContractError: no phrase is written for the feature.

    Example:
        >>> phrase("trade_level_vs_3y", -0.53, {"trade_last_year": 2024})
        'exports in 2024 were 41 % under the mean of the three years before'
    """
    theme, template = _split(feature)
    if math.isnan(value):
        template = MISSING.get(feature, THEMES[theme])
    elif value == 0:
        template = ZERO.get(feature, template)
    slots = [slot for _, slot, _, _ in string.Formatter().parse(template) if slot]
    return template.format(**{slot: SLOTS[slot](value, facts or {}) for slot in slots})


def _split(feature: str) -> tuple[str, str]:
    if feature not in PHRASES:
        raise ContractError(f"no phrase is written for the feature {feature!r}; add one to models/phrases.py")
    theme, _, template = PHRASES[feature].partition(": ")
    return theme, template


# ---- a value in the wording that a slot asks for -------------------------------------------------


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f} %"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 9.95 else f"{ratio:.0f} times"


def _fold(log: float) -> str:
    return _times(math.exp(log)).replace(" times", "-fold")


def _against(log: float) -> str:
    if abs(log) >= CLIP:
        return "more than 50 times" if log > 0 else "less than 2 % of"
    if log >= TIMES_FROM:
        return _times(math.exp(log))
    if abs(log) < SMALL_LOG:
        return "level with"
    return f"{_percent(abs(math.expm1(log)))} {'over' if log > 0 else 'under'}"


def _moved(log: float) -> str:
    if abs(log) >= CLIP:
        return "rose from almost nothing" if log > 0 else "all but stopped"
    if log >= TIMES_FROM:
        return f"rose {_fold(log)}"
    if abs(log) < SMALL_LOG:
        return "did not change"
    return f"{'rose' if log > 0 else 'fell'} {_percent(abs(math.expm1(log)))}"


def _swing(log: float) -> str:
    return f"by {_percent(math.expm1(log))}" if log < TIMES_FROM else _fold(log)


def _imports(log: float) -> str:
    small = f"{_percent(math.exp(log))} of" if log > -CLIP else "less than 2 % of"
    return small if log < 0 else "more than 50 times" if log >= CLIP else _times(math.exp(log))


def _ordinal(rank: float) -> str:
    n = round(rank)
    return f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def _amount(log_plus_one: float) -> str:
    amount = float(f"{math.expm1(log_plus_one):.3g}")
    if amount < 1:
        return "under 1"
    size, word = next(pair for pair in ((1e9, " billion"), (1e6, " million"), (1.0, "")) if amount >= pair[0])
    return f"{amount / size:,.10g}{word}"


def _year(facts: Facts, back: float = 0) -> str:
    last = facts.get("trade_last_year", math.nan)
    if not math.isnan(last):
        return f"{last - back:.0f}"
    return f"{back:.0f} year(s) before the last known one" if back else "the last known year"


def _countries(n: float, facts: Facts) -> str:
    if n == 1:
        return "one country only"
    top = facts.get("trade_top_buyer", math.nan)
    largest = "" if math.isnan(top) else f"; the largest takes {_percent(top)}"
    return f"{n:.0f} countries{' only' if n <= 5 else ''}{largest}"


def _kinds(facts: Facts) -> str:
    counts = {kind: facts.get(f"restrictions_pair_{kind}_in_force", 0.0) for kind in KIND_GROUPS}
    listed = [f"{round(n)} {kind.replace('_', ' ')}" for kind, n in counts.items() if n > 0]
    return ", ".join(listed)


def _shifted(score: float) -> str:
    return f"{abs(score):.1f} {'better' if score > 0 else 'worse'} than" if abs(score) >= 0.05 else "unchanged from"


SLOTS: dict[str, Callable[[float, Facts], str]] = {
    "percent": lambda value, facts: _percent(value),
    "against": lambda value, facts: _against(value),
    "stood": lambda value, facts: f"{'were' if value > -CLIP else 'all but stopped:'} {_against(value)}",
    "moved": lambda value, facts: _moved(value),
    "imports": lambda value, facts: _imports(value),
    "swing": lambda value, facts: _swing(value),
    "points": lambda value, facts: f"{abs(100 * value):.1f} points {'over' if value > 0 else 'under'}",
    "ordinal": lambda value, facts: _ordinal(value),
    "amount": lambda value, facts: _amount(value),
    # A Herfindahl index as the number of equal holders that would give it.
    "equal": lambda value, facts: f"{1 / max(value, 1e-3):.1f} equal" if value < 0.95 else "a single",
    "holders": lambda value, facts: "s" if value < 0.95 else "",
    "signed": lambda value, facts: f"{value:+.1f}".replace("-", "\u2212") if abs(value) >= 0.05 else "0.0",
    "shifted": lambda value, facts: _shifted(value),
    "weight": lambda value, facts: f"{value:.1f}",
    "rate": lambda value, facts: f"{value:.2g}".replace("-", "\u2212"),
    "n": lambda value, facts: f"{round(value) or 'no'}",
    "s": lambda value, facts: "" if round(value) in (0, 1) else "s",
    "year": lambda value, facts: _year(facts),
    **{f"year_{n}": lambda value, facts, n=n: _year(facts, n) for n in (1, 2, 3, 5)},  # type: ignore[misc]
    "year_of_drop": lambda value, facts: _year(facts, value),
    "countries": _countries,
    "kinds": lambda value, facts: f" ({listed})" if (listed := _kinds(facts)) else "",
    "also": lambda value, facts: f" (in force: {listed})" if (listed := _kinds(facts)) else "",
}


# ---- the phrases; first what is counted, by prefix of the features ---------------------------------

# What further modules say of their own signals, each in the same four tables.
FURTHER = (
    trade_phrases,
    production_phrases,
    price_phrases,
    mirror_phrases,
    news_phrases,
    geopolitics_phrases,
    hazard_phrases,
    logistics_phrases,
)


def _merged(table: str) -> dict[str, str]:
    return {key: words for module in FURTHER for key, words in getattr(module, table, {}).items()}


EVENTS = {
    "restrictions_pair": ("measures_pair", "export measure{s} on the mineral"),
    "restrictions_elsewhere": ("measures_elsewhere", "export measure{s} of other suppliers of the mineral"),
    "restrictions_others": ("measures_others", "export measure{s} on the supplier's other minerals"),
    "incidents_pair": ("incidents_pair", "incident{s} touching the mineral at this supplier"),
    "incidents_elsewhere": ("incidents_elsewhere", "incident{s} at other suppliers of the mineral"),
    "incidents_others": ("incidents_others", "incident{s} touching the supplier's other minerals"),
}
GOVERNANCE = {key: title.split(" and absence")[0].lower() for key, title in INDICATORS.items()}
_NOT_COVERED = "not known: the table of events does not cover these weeks"
THEMES = {  # theme -> words for a missing value
    "governance": "no governance score",
    **{theme: f"{what.format(s='s')} {_NOT_COVERED}" for theme, what in EVENTS.values()},
    **_merged("THEMES"),
}
MISSING = {
    **_merged("MISSING"),
}
ZERO = {
    "restrictions_pair_severity_in_force": "no export measure on the mineral in force",
    **_merged("ZERO"),
}
PHRASES = {  # feature -> theme and template
    **_merged("PHRASES"),
}
for _key, _name in GOVERNANCE.items():
    PHRASES[f"governance_{_key}"] = f"governance: {_name} scores {{signed}} (world average 0)"
    PHRASES[f"governance_{_key}_change_3y"] = f"governance: {_name} {{shifted}} three years before"
for _key, (_theme, _what) in EVENTS.items():
    _many, _is_pair = _what.format(s="s"), _key == "restrictions_pair"
    for _weeks in WINDOWS_WEEKS:
        PHRASES[f"{_key}_new_{_weeks}w"] = (
            f"{_theme}: {{n}} new {_what} in the last {_weeks} weeks{'{also}' * _is_pair}"
        )
    if _key.startswith("restrictions"):
        PHRASES[f"{_key}_in_force"] = f"{_theme}: {{n}} {_what} in force{'{kinds}' * _is_pair}"
        PHRASES[f"{_key}_eased_52w"] = f"{_theme}: {{n}} easing{{s}} of {_many} in the last 52 weeks"
    else:
        PHRASES[f"{_key}_fading_severity"] = f"{_theme}: {_many} weigh {{weight}} (severity 1-3, fading over 2 years)"
        ZERO[f"{_key}_fading_severity"] = f"no {_what.format(s='')} in the last 2 years"
PHRASES["restrictions_pair_severity_in_force"] = (
    "measures_pair: export measures in force on the mineral add up to severity {n} (1 to 3 each){kinds}"
)
for _kind in KIND_GROUPS:
    _what = f"{_kind.replace('_', ' ')} measure{{s}} on the mineral in force"
    PHRASES[f"restrictions_pair_{_kind}_in_force"] = f"measures_pair: {{n}} {_what}"
