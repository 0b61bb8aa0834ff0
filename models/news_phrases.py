"""What each feature of the signal `news` says in words; the slots are those of `models.phrases`."""

from __future__ import annotations

from features.signals.news_features import HALF_LIVES_WEEKS, REPORTED_TYPES

__all__ = ["MISSING", "PHRASES", "THEMES", "ZERO"]

WHERE = {"pair": "this mineral at this supplier", "mineral": "the mineral at any supplier", "supplier": "the supplier"}
WORDS = {name: name.replace("_", " ") for name in REPORTED_TYPES} | {
    "permit": "permits withdrawn or disputed",
    "power_water": "lack of power or water",
    "logistics": "blocked ports, rails or borders",
}

THEMES = {  # theme -> words for a missing value
    f"news_{level}": f"news on {where} not known: too few of the feeds were read in these weeks"
    for level, where in WHERE.items()
}
MISSING = {
    f"news_{level}_{name}": f"no report on {WHERE[level]} since the news is read"
    for level in WHERE
    for name in ("feeds", "languages", "weeks_since")
}
ZERO = {f"news_{level}_weeks_since": f"a report that tightens on {WHERE[level]} this week" for level in WHERE}
PHRASES: dict[str, str] = {}  # feature -> theme and template
for _level, _where in WHERE.items():
    _start = f"news_{_level}: news of "
    for _weeks in HALF_LIVES_WEEKS:
        _span = f"(fading, half-life {_weeks} week{'s' if _weeks > 1 else ''})"
        for _name, _words in WORDS.items():
            PHRASES[f"news_{_level}_{_name}_{_weeks}w"] = (
                f"{_start}{_words} on {_where}: {{rate}} in 1,000 items {_span}"
            )
            ZERO[f"news_{_level}_{_name}_{_weeks}w"] = f"no news of {_words} on {_where} {_span}"
        PHRASES[f"news_{_level}_net_{_weeks}w"] = (
            f"{_start}tightening less news of easing on {_where}: {{rate}} in 1,000 items {_span}"
        )
        ZERO[f"news_{_level}_net_{_weeks}w"] = f"no more news of tightening than of easing on {_where} {_span}"
    PHRASES[f"news_{_level}_feeds"] = f"news_{_level}: a report on {_where} is told by {{weight}} feeds on average"
    PHRASES[f"news_{_level}_languages"] = f"news_{_level}: reports on {_where} come in {{weight}} languages a week"
    PHRASES[f"news_{_level}_surprise"] = f"news_{_level}: news on {_where} is {{against}} that of its own past year"
    PHRASES[f"news_{_level}_weeks_since"] = f"news_{_level}: last report that tightens on {_where} {{n}} week{{s}} ago"
