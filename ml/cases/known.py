"""Which crises are looked at again, and in which features.

They were chosen before any was drawn. One pair was changed afterwards: the first one for Bab el-Mandeb, magnesium from
China, is not in the embedded trade.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

__all__ = ["CASES", "Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """One crisis.

    Attributes:
        mineral: whose pair with `supplier` is looked at.
        event_on: the day from which the public could know.
        event: what happened, as a sentence.
        features: which features are drawn.
        low: those of which a low value is the bad one.
        note: what else a reader must know.
        years: how many years before and after the event are drawn.
    """

    id: str
    title: str
    mineral: str
    supplier: str
    event_on: dt.date
    event: str
    features: tuple[str, ...]
    low: tuple[str, ...] = ()
    note: str = ""
    years: tuple[float, float] = (3.0, 1.5)

    @property
    def first(self) -> dt.date:
        """The first day drawn."""
        return self.event_on - dt.timedelta(days=round(365.25 * self.years[0]))

    @property
    def last(self) -> dt.date:
        """The last day drawn."""
        return self.event_on + dt.timedelta(days=round(365.25 * self.years[1]))


_RISK = ("geopolitics_gpr_level", "geopolitics_gpr_surprise")
_SANCTIONS = ("geopolitics_sanctions_programmes", "geopolitics_sanctions_programmes_new")
_COUPS = ("geopolitics_coup_attempts", "geopolitics_neighbours_gpr_surprise")
_QUAKES = ("hazards_hit_4w", "hazards_worst_13w")
_SHIPS = ("logistics_transits_4w", "logistics_worst_strait_13w")

CASES = (
    Case(
        "rare-earths-2010",
        "China stops rare earths for Japan, 2010",
        "rare_earths",
        "CHN",
        dt.date(2010, 9, 21),
        "shipments of rare earths to Japan stop after a collision at the Senkaku Islands.",
        ("geopolitics_tension", "geopolitics_gpr_surprise", "geopolitics_buyers_gpr_surprise"),
        note="The collision itself was on 2010-09-07.",
    ),
    Case(
        "russia-2014",
        "Russia seizes Crimea, 2014",
        "palladium",
        "RUS",
        dt.date(2014, 2, 27),
        "armed men take the parliament of Crimea; the first sanctions follow on 2014-03-06.",
        (*_RISK, *_SANCTIONS),
    ),
    Case(
        "russia-2022",
        "Russia invades Ukraine, 2022",
        "palladium",
        "RUS",
        dt.date(2022, 2, 24),
        "the full-scale invasion of Ukraine begins.",
        (*_RISK, *_SANCTIONS),
    ),
    Case(
        "guinea-2021",
        "Coup in Guinea, 2021",
        "bauxite",
        "GIN",
        dt.date(2021, 9, 5),
        "the army takes power in Conakry.",
        (*_COUPS, "geopolitics_gpr_surprise"),
        note="Guinea has no risk index of its own: the mean of all countries that have one stands for it.",
    ),
    Case(
        "gabon-2023",
        "Coup in Gabon, 2023",
        "manganese",
        "GAB",
        dt.date(2023, 8, 30),
        "the army takes power in Libreville, days after an election.",
        (*_COUPS, "geopolitics_gpr_surprise"),
        note="None of the lists of coups that are read reaches 2023, so the coup itself cannot "
        "show. Gabon has no risk index of its own: the mean of all countries that have one stands for it.",
    ),
    Case(
        "chile-2010",
        "Earthquake in Chile, 2010",
        "copper",
        "CHL",
        dt.date(2010, 2, 27),
        "magnitude 8.8 off Maule cuts power to copper mines.",
        _QUAKES,
        note="Earthquakes cannot be foreseen: what counts is how soon the signal shows them, and how strongly.",
    ),
    Case(
        "chile-2014",
        "Earthquake in northern Chile, 2014",
        "copper",
        "CHL",
        dt.date(2014, 4, 1),
        "magnitude 8.2 off Iquique, near the mines of Tarapacá.",
        _QUAKES,
    ),
    Case(
        "bab-el-mandeb-2023",
        "Attacks on ships at Bab el-Mandeb, 2023-24",
        "phosphate",
        "JOR",
        dt.date(2023, 11, 19),
        "a cargo ship is seized in the southern Red Sea; attacks on others follow.",
        _SHIPS,
        low=_SHIPS,
    ),
    Case(
        "hormuz-2026",
        "Strait of Hormuz closed, 2026",
        "aluminium",
        "BHR",
        dt.date(2026, 3, 1),
        "the strait is closed to ships.",
        _SHIPS,
        low=_SHIPS,
        years=(3.0, 0.5),
    ),
)
