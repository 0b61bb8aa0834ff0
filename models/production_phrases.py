"""Words for the features of the family `production`, in the form of `models.phrases`, which takes them in.

"The last known year" is that of the publisher who speaks for the mineral, so it is not named here.
"""

from __future__ import annotations

__all__ = ["PHRASES", "THEMES", "ZERO"]

THEMES = {"production": "no production figure"}
ZERO = {
    "production_share": "no production of its own on record",
    "production_is_producer": "no production of its own on record",
    "production_age_years": "the newest production figures are of this year",
}
PHRASES = {
    "production_hhi": "production: world production as concentrated as with {equal} producer{holders}",
    "production_share": "production: produces {percent} of the world's output",
    "production_growth_1y": "production: production {moved} in the last known year",
    "production_is_producer": "production: produces the mineral itself",
    "production_mine_to_export": "production: share of world production is {against} that of exports",
    "production_level_vs_3y": (
        "production: tonnes produced in the last known year {stood} the mean of the three years before"
    ),
    "production_worst_change_5y": "production: production {moved} in the worst of the last 5 known years",
    "production_estimate_change": "production: production {moved} in the newest year, by a first estimate",
    "production_age_years": "production: the newest production figures are {n} year{s} old",
}
