"""What each feature of the signal `geopolitics` says in words; the slots are those of `models.phrases`."""

from __future__ import annotations

__all__ = ["MISSING", "PHRASES", "THEMES", "ZERO"]

WHOSE = {
    "": "the supplier",
    "neighbours_": "its neighbours by land",
    "buyers_": "the mineral's buyers from this supplier",
}
RISK = "the geopolitical risk index"
MOVED = "({signed} standard deviations)"

THEMES = {  # theme -> words for a missing value
    "risk_supplier": f"{RISK} of the supplier not known, or too old",
    "risk_neighbours": "no neighbour by land with a geopolitical risk index that is recent",
    "risk_buyers": "no buyer with a geopolitical risk index that is recent",
    "tension": "tension with the buyers not known: neither events between the countries nor both their risk indices",
    "sanctions": "sanctions not known: no list had been seen",
    "coups": "coups not known: the lists of them do not reach these weeks",
    "leaders": "changes of leader not known: the lists do not reach these weeks",
    "elections": "elections not known: the lists do not reach these weeks",
    "conflict": "armed conflict not known: no recent figure",
    "unrest": "unrest not known: too few events of the country were counted lately",
    "fragility": "no recent score of fragility",
}
MISSING = {
    "geopolitics_sanctions_programme_weeks_since": "no programme of sanctions against the supplier with a known day",
    "geopolitics_sanctions_age_weeks": "no list of sanctions had been seen",
    "geopolitics_coup_attempt_weeks_since": "no coup or attempt is known, or the lists do not reach these weeks",
    "geopolitics_neighbours_gpr_coverage": "no neighbour by land, or no risk index that is recent",
}
ZERO = {
    "geopolitics_gpr_is_fallback": f"{RISK} is the supplier's own",
    "geopolitics_neighbours_gpr_coverage": f"no neighbour by land has {RISK}",
    "geopolitics_buyers_gpr_coverage": f"no buyer has {RISK}",
    "geopolitics_tension": "no unusual tension between the supplier and its buyers",
    "geopolitics_tension_coverage": "tension is known for no buyer",
    "geopolitics_sanctions_programmes": "no programme of sanctions against the supplier in force",
    "geopolitics_sanctions_entries": "nobody of the supplier on a list of sanctions",
    "geopolitics_sanctions_metals": "no firm of mining or metals of the supplier on a list of sanctions",
    "geopolitics_sanctions_imposed": "the supplier itself imposes no sanctions on the lists that are read",
    "geopolitics_sanctions_lists": "no list of sanctioned people and firms had been seen",
    "geopolitics_coups": "no successful coup in recent years",
    "geopolitics_coup_attempts": "no coup or attempt in recent years",
    "geopolitics_conflict_intensity": "no armed conflict with 25 or more deaths in battle a year",
    "geopolitics_conflict_intensity_change": "the intensity of armed conflict is that of the year before",
    "geopolitics_conflict_deaths": "no deaths in organised violence in the last known twelve months",
    "geopolitics_irregular_change_52w": "no irregular change of power in the last 52 weeks",
    "geopolitics_new_leader_52w": "no new leader in the last 52 weeks",
    "geopolitics_protest_share": "no protest among the counted events of the country in four weeks",
    "geopolitics_material_conflict_share": "no material conflict among the counted events of the country in four weeks",
    **{f"geopolitics_sanctions_listed_{weeks}w": f"no new listing in the last {weeks} weeks" for weeks in (13, 52)},
    **{f"geopolitics_election_next_{weeks}w": f"no election in the next {weeks} weeks" for weeks in (26, 52)},
}
PHRASES = {  # feature -> theme and template
    "geopolitics_gpr_is_fallback": f"risk_supplier: {RISK} is not its own (level {{n}}: 1 its region's, 2 the world's)",
    "geopolitics_gpr_age_weeks": f"risk_supplier: the newest month of {RISK} ended {{n}} week{{s}} ago",
    "geopolitics_neighbours_gpr_coverage": f"risk_neighbours: {{percent}} of its neighbours by land have {RISK}",
    "geopolitics_buyers_gpr_coverage": f"risk_buyers: buyers of {{percent}} of the trade have {RISK}",
    "geopolitics_tension": f"tension: tension between supplier and buyers is above its usual level {MOVED}",
    "geopolitics_tension_source": "tension: tension is read from source {n} (1 the risk index, 2 events between them)",
    "geopolitics_tension_coverage": "tension: tension is known for buyers of {percent} of the trade",
    "geopolitics_sanctions_programmes": "sanctions: {n} programme{s} of sanctions against the supplier in force",
    "geopolitics_sanctions_programmes_new": "sanctions: {n} new programme{s} of sanctions in the last 52 weeks",
    "geopolitics_sanctions_programme_weeks_since": "sanctions: the newest programme of sanctions is {n} week{s} old",
    "geopolitics_sanctions_entries": "sanctions: entries of the supplier on lists of sanctions: {amount}",
    "geopolitics_sanctions_metals": "sanctions: entries that name mining or metals on lists of sanctions: {amount}",
    "geopolitics_sanctions_listed_13w": "sanctions: with the last 13 weeks the number of entries {moved}",
    "geopolitics_sanctions_listed_52w": "sanctions: with the last 52 weeks the number of entries {moved}",
    "geopolitics_sanctions_imposed": "sanctions: the supplier itself imposes {n} programme{s} of sanctions",
    "geopolitics_sanctions_lists": "sanctions: {n} list{s} of sanctioned people and firms had been seen",
    "geopolitics_sanctions_age_weeks": "sanctions: a list of sanctions was last seen to change {n} week{s} ago",
    "geopolitics_coups": "coups: successful coups weigh {weight} (1 on the day, halved every year)",
    "geopolitics_coup_attempts": "coups: coups and attempts weigh {weight} (1 on the day, halved every year)",
    "geopolitics_coup_attempt_weeks_since": "coups: last coup or attempt {n} week{s} ago",
    "geopolitics_irregular_change_52w": "leaders: power changed irregularly in the last 52 weeks",
    "geopolitics_new_leader_52w": "leaders: a new leader in the last 52 weeks",
    "geopolitics_election_next_26w": "elections: an election is due in the next 26 weeks",
    "geopolitics_election_next_52w": "elections: an election is due in the next 52 weeks",
    "geopolitics_election_weeks_since": "elections: last election {n} week{s} ago",
    "geopolitics_politics_age_weeks": "coups: the newest list of coups ended {n} week{s} ago",
    "geopolitics_conflict_intensity": "conflict: armed conflict of grade {n} (1 from 25, 2 from 1,000 deaths a year)",
    "geopolitics_conflict_intensity_change": "conflict: intensity of armed conflict {signed} against the year before",
    "geopolitics_conflict_deaths": "conflict: deaths in organised violence, halved every six months: {amount}",
    "geopolitics_conflict_age_weeks": "conflict: the newest figures on armed conflict ended {n} week{s} ago",
    "geopolitics_protest_share": "unrest: protest makes {percent} of the country's events",
    "geopolitics_protest_surprise": f"unrest: the share of protest against its own year {MOVED}",
    "geopolitics_material_conflict_share": "unrest: material conflict makes {percent} of the country's events",
    "geopolitics_material_conflict_surprise": f"unrest: the share of material conflict against its own year {MOVED}",
    "geopolitics_events_age_weeks": "unrest: the newest week of counted events ended {n} week{s} ago",
    "geopolitics_fsi": "fragility: scores {weight} of 120 in the Fragile States Index (more is worse)",
    "geopolitics_inform": "fragility: scores {weight} of 10 in the INFORM Risk Index (more is worse)",
    "geopolitics_fragility_age_weeks": "fragility: the newest score of fragility ended {n} week{s} ago",
}
for _prefix, _whose in WHOSE.items():
    _theme, _name = f"risk_{(_prefix or 'supplier_')[:-1]}", f"geopolitics_{_prefix}gpr"
    PHRASES[f"{_name}_level"] = f"{_theme}: {RISK} of {_whose} is {{rate}} % of articles"
    PHRASES[f"{_name}_change"] = f"{_theme}: {RISK} of {_whose} {{moved}} in three months against the year before"
    PHRASES[f"{_name}_surprise"] = f"{_theme}: {RISK} of {_whose} against its past three years {MOVED}"
