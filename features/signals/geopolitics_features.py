"""The columns of signal `geopolitics`: their names, units and sentences."""

from __future__ import annotations

from features.signals.declaration import Feature

__all__ = ["FEATURES", "WHOSE"]

WHOSE = {
    "": "the supplier",
    "neighbours_": "the supplier's neighbours by land",
    "buyers_": "the pair's buyers, weighted by what they take",
}


def _index(prefix: str) -> list[Feature]:
    whose = WHOSE[prefix]
    found = [
        ("level", "score", "newest month, in percent of articles"),
        ("change", "log_ratio", "mean of three months against that of the twelve before"),
        ("surprise", "score", "newest month's distance from the mean of the 36 before, in their standard deviations"),
    ]
    return [
        Feature(f"geopolitics_{prefix}gpr_{name}", unit, f"Geopolitical risk index of {whose}: {what}.")
        for name, unit, what in found
    ]


def _of(rows: str) -> list[Feature]:
    lines = [line.split(" | ") for line in rows.strip().splitlines()]
    return [Feature(f"geopolitics_{name}", unit, sentence) for name, unit, sentence in lines]


FEATURES = (
    *_index(""),
    *_of(
        "gpr_is_fallback | rank | Whose index stands for the supplier: 0 its own, 1 its region's mean, 2 the world's."
    ),
    *_index("neighbours_"),
    *_of("neighbours_gpr_coverage | frac | Share of the neighbours by land that have an index."),
    *_index("buyers_"),
    *_of(
        """
buyers_gpr_coverage | frac | Share of the pair's trade whose buyers have an index.
gpr_age_weeks | weeks | Weeks since the newest month of the index ended; over 26 the index is missing.
tension | score | Tension between supplier and buyers in standard deviations, weighted by the trade at stake.
tension_source | rank | What tension is read from: 2 events between the two countries, 1 a proxy from the risk index.
tension_coverage | frac | Share of the pair's trade whose buyers have a known tension.
sanctions_programmes | count | Programmes of sanctions against the supplier in force.
sanctions_programmes_new | count | Programmes of sanctions against the supplier that are new in the last 52 weeks.
sanctions_programme_weeks_since | weeks | Weeks since the newest programme against the supplier; missing if none.
sanctions_entries | log_ratio | Natural logarithm of entries of the supplier on lists of sanctions (plus one).
sanctions_metals | log_ratio | Natural logarithm of those entries whose text names mining or metals (plus one).
sanctions_listed_13w | log_ratio | Entries (plus one) against those without the listings of the last 13 weeks.
sanctions_listed_52w | log_ratio | Entries (plus one) against those without the listings of the last 52 weeks.
sanctions_imposed | count | Programmes of sanctions that the supplier itself imposes.
sanctions_lists | count | Lists of sanctioned entries that have been seen.
sanctions_age_weeks | weeks | Weeks since any list or programme of sanctions was last seen to change.
coups | count | Successful coups in the supplier's country, halved every 52 weeks.
coup_attempts | count | Coups that succeeded or failed in the supplier's country, halved every 52 weeks.
coup_attempt_weeks_since | weeks | Weeks since the last coup or attempt; missing if none is known.
irregular_change_52w | count | Whether power changed irregularly in the last 52 weeks.
new_leader_52w | count | Whether a new leader came in the last 52 weeks.
election_next_26w | count | Whether an election is known to come in the next 26 weeks.
election_next_52w | count | Whether an election is known to come in the next 52 weeks.
election_weeks_since | weeks | Weeks since the last election.
politics_age_weeks | weeks | Weeks since the last list of coups ended; 0 while one goes on.
conflict_intensity | rank | Armed conflict: 0 none, 1 from 25, 2 from 1,000 deaths in battle a year.
conflict_intensity_change | score | Change of the grade of armed conflict against the year before.
conflict_deaths | log_ratio | Natural logarithm of deaths in conflict in twelve months (plus one), halved every six.
conflict_age_weeks | weeks | Weeks since the newest year or month of conflict figures ended.
protest_share | frac | Share of protest in the events of the country, last four weeks.
protest_surprise | score | Share of protest: distance from the mean of 52 weeks before, in standard deviations.
material_conflict_share | frac | Share of material conflict in the events of the country, last four weeks.
material_conflict_surprise | score | Share of material conflict: the same distance from its 52 weeks before.
events_age_weeks | weeks | Weeks since the newest week of counted events ended.
fsi | score | Fragile States Index of the supplier, 0 to 120; more is worse.
inform | score | INFORM Risk Index of the supplier, 0 to 10; more is worse.
fragility_age_weeks | weeks | Weeks since the newest year of either index of fragility ended; 0 while it lasts.
"""
    ),
)
