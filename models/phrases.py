"""What each feature says in words: its theme, and its value as a phrase with a figure and a unit.

A phrase states what the model saw, never why that matters: the direction comes from the
contribution. Log ratios become percent over or under (from three times on, "3.4 times";
at the clip of ±4, "more than 50 times" or "less than 2 % of"), shares percent, counts whole
numbers in the right number. A missing value is said as such. Themes group features that
tell the same story, so that three drivers are three reasons.
"""

from __future__ import annotations

__all__ = ["THEMES", "Facts", "phrase", "theme_of"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from features.errors import ContractError
from features.signals.event_windows import WINDOWS_WEEKS
from features.signals.governance import INDICATORS

# Other values of the same panel row: a phrase may name the year (`trade_last_year`) or the kinds of measures.
Facts = Mapping[str, float]

THEMES = {
    "level": "exports against their own past",
    "growth": "growth of exports",
    "volatility": "swings of exports",
    "record": "own record of drops",
    "size": "size and rank",
    "buyers": "buyers",
    "price": "price per tonne",
    "reexport": "re-export",
    "world_market": "the world market",
    "other_suppliers": "other suppliers of the mineral",
    "other_minerals": "the supplier's other minerals",
    "data": "age and quality of the data",
    "production": "production",
    "governance": "governance",
    "measures_pair": "measures on the pair",
    "measures_elsewhere": "measures of other suppliers of the mineral",
    "measures_others": "measures on the supplier's other minerals",
    "incidents_pair": "incidents at the pair",
    "incidents_elsewhere": "incidents at other suppliers of the mineral",
    "incidents_others": "incidents at the supplier's other minerals",
}
CLIP, SMALL_LOG, TIMES_FROM = 4.0, 0.005, math.log(3.0)
KINDS = {
    "ban_or_quota": ("export ban or quota", "export bans or quotas"),
    "tax": ("export tax", "export taxes"),
    "licensing": ("licensing measure", "licensing measures"),
    "processing": ("duty to process at home", "duties to process at home"),
    "sanctions": ("sanction", "sanctions"),
}


def theme_of(feature: str) -> str:
    """Give the id of the theme that `feature` belongs to, a key of `THEMES`.

    Raises:
        ContractError: no phrase is written for the feature.
    """
    return _phrase_of(feature).theme


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
    words = _phrase_of(feature)
    if math.isnan(value):
        return words.missing
    return (words.zero if value == 0 and words.zero else words.known).format_map(_Slots(value, facts or {}))


@dataclass(frozen=True, slots=True)
class _Phrase:
    """`known` is a template with slots of `SLOTS`; `zero` replaces it at 0 where that needs other words."""

    theme: str
    known: str
    missing: str
    zero: str = ""


def _phrase_of(feature: str) -> _Phrase:
    if feature not in _PHRASES:
        raise ContractError(f"no phrase is written for the feature {feature!r}; add one to models/phrases.py")
    return _PHRASES[feature]


# ---- a value in the wording that a slot asks for -------------------------------------------------


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f} %"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 9.95 else f"{ratio:.0f} times"


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
        return f"rose to {_times(math.exp(log))} the figure"
    if abs(log) < SMALL_LOG:
        return "did not change"
    return f"{'rose' if log > 0 else 'fell'} {_percent(abs(math.expm1(log)))}"


def _imports(log: float) -> str:
    if abs(log) >= CLIP:
        return "more than 50 times" if log > 0 else "less than 2 % of"
    return _times(math.exp(log)) if log >= 0 else f"{_percent(math.exp(log))} of"


def _ordinal(rank: float) -> str:
    n = round(rank)
    return f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def _amount(log: float) -> str:
    amount = float(f"{math.expm1(log):.3g}")
    if amount < 1:
        return "under 1"
    size, word = next(pair for pair in ((1e9, " billion"), (1e6, " million"), (1.0, "")) if amount >= pair[0])
    return f"{amount / size:,.10g}{word}"


def _count(n: float, one: str, many: str) -> str:
    return f"{round(n) or 'no'} {one if round(n) in (0, 1) else many}"


def _year(facts: Facts, back: float = 0) -> str:
    last = facts.get("trade_last_year", math.nan)
    if not math.isnan(last):
        return f"{last - back:.0f}"
    return f"{_count(back, 'year', 'years')} before the last known one" if back else "the last known year"


def _countries(n: float, facts: Facts) -> str:
    if n == 1:
        return "one country only"
    top = facts.get("trade_top_buyer", math.nan)
    return f"{n:.0f} countries{' only' if n <= 5 else ''}" + (
        "" if math.isnan(top) else f"; the largest takes {_percent(top)}"
    )


def _kinds(facts: Facts) -> str:
    counts = {kind: facts.get(f"restrictions_pair_{kind}_in_force", 0.0) for kind in KINDS}
    listed = [_count(n, *KINDS[kind]) for kind, n in counts.items() if n > 0]
    return f" (in force: {', '.join(listed)})" if listed else ""


def _shifted(score: float) -> str:
    return f"{'better' if score > 0 else 'worse'} by {abs(score):.1f}" if abs(score) >= 0.05 else "unchanged"


SLOTS: Mapping[str, Callable[[float, Facts], str]] = {
    "percent": lambda value, facts: _percent(value),
    "against": lambda value, facts: _against(value),
    "moved": lambda value, facts: _moved(value),
    "imports": lambda value, facts: _imports(value),
    "swing": lambda value, facts: _percent(math.expm1(value)) if value < TIMES_FROM else _times(math.exp(value)),
    "points": lambda value, facts: f"{abs(100 * value):.1f} points {'over' if value > 0 else 'under'}",
    "ordinal": lambda value, facts: _ordinal(value),
    "amount": lambda value, facts: _amount(value),
    "equals": lambda value, facts: f"{1 / max(value, 1e-3):.1f} equal",  # a Herfindahl index inverted
    "signed": lambda value, facts: f"{value:+.1f}".replace("-", "\u2212"),
    "shifted": lambda value, facts: _shifted(value),
    "weight": lambda value, facts: f"{value:.1f}",
    "n": lambda value, facts: f"{round(value) or 'no'}",
    "s": lambda value, facts: "" if round(value) in (0, 1) else "s",
    "year": lambda value, facts: _year(facts),
    **{f"year_{n}": lambda value, facts, n=n: _year(facts, n) for n in (1, 2, 3, 5)},  # type: ignore[misc]
    "year_of_drop": lambda value, facts: _year(facts, value),
    "countries": _countries,
    "kinds": lambda value, facts: _kinds(facts),
    **{kind: lambda value, facts, words=words: _count(value, *words) for kind, words in KINDS.items()},  # type: ignore[misc]
}


class _Slots(dict[str, str]):
    """Word one value for the slots that a template has, and only for those."""

    def __init__(self, value: float, facts: Facts) -> None:
        super().__init__()
        self._value, self._facts = value, facts

    def __missing__(self, slot: str) -> str:
        return SLOTS[slot](self._value, self._facts)


# ---- the phrases ---------------------------------------------------------------------------------

NO_PAST, NO_SALES, NO_OUTPUT = "no earlier exports to compare with", "no exports to describe", "no production figure"
NO_RECORD, NO_OTHERS = "no year on record to look for drops", "no other mineral of the supplier to compare with"
IN_3Y = "the mean of the three years before"

_PHRASES: dict[str, _Phrase] = {
    "trade_data_age_years": _Phrase("data", "the newest trade figures are {n} year{s} old", "no trade figures"),
