"""What each feature of the signal `hazards` says in words; the slots are those of `models.phrases`."""

from __future__ import annotations

from features.signals.hazards import ELSEWHERE_WEEKS, WINDOWS_WEEKS, WORST_WEEKS

__all__ = ["MISSING", "PHRASES", "THEMES", "ZERO"]

_NOT_WATCHED = "or the lists of disasters had stopped"
THEMES = {  # theme -> words for a missing value
    "hazards_pair": f"natural disasters near its mines and plants not known: the places are not, {_NOT_WATCHED}",
    "hazards_elsewhere": f"natural disasters at other suppliers not known: no place is, {_NOT_WATCHED}",
    "hazards_data": "no natural disaster is on record, so nothing can be said of them",
}
MISSING = {
    "hazards_weeks_since": "no natural disaster near its mines and plants on record",
}
ZERO = {
    **{
        f"hazards_hit_{weeks}w": f"no natural disaster near its mines and plants in the last {weeks} weeks"
        for weeks in WINDOWS_WEEKS
    },
    f"hazards_worst_{WORST_WEEKS}w": f"no natural disaster near its mines and plants in the last {WORST_WEEKS} weeks",
    "hazards_weeks_since": "a natural disaster near its mines and plants this week",
    f"hazards_elsewhere_{ELSEWHERE_WEEKS}w": (
        f"no natural disaster at other suppliers of the mineral in the last {ELSEWHERE_WEEKS} weeks"
    ),
    "hazards_age_weeks": "the newest natural disaster known is of this week",
}
PHRASES = {  # feature -> theme and template
    **{
        f"hazards_hit_{weeks}w": (
            f"hazards_pair: natural disasters of the last {weeks} weeks weigh like a full hit on {{percent}} of output"
        )
        for weeks in WINDOWS_WEEKS
    },
    f"hazards_worst_{WORST_WEEKS}w": (
        f"hazards_pair: the worst natural disaster of the last {WORST_WEEKS} weeks weighs like a full hit on "
        "{percent} of output"
    ),
    "hazards_weeks_since": "hazards_pair: last natural disaster near its mines and plants {n} week{s} ago",
    f"hazards_elsewhere_{ELSEWHERE_WEEKS}w": (
        f"hazards_elsewhere: natural disasters at other suppliers in the last {ELSEWHERE_WEEKS} weeks weigh like a "
        "full hit on {percent} of one supplier's output"
    ),
    "hazards_age_weeks": "hazards_data: the newest natural disaster known is {n} week{s} old",
}
