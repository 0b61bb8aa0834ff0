"""What each feature of the signal `logistics` says in words; the slots are those of `models.phrases`."""

from __future__ import annotations

__all__ = ["MISSING", "PHRASES", "THEMES", "ZERO"]

THEMES = {  # theme -> words for a missing value
    "straits": "no recent counts of ships in straits that its tonnes pass",
    "sea_routes": "no counts of ships in any strait, or no tonnes in the newest trade figures",
    "straits_data": "no counts of ships in straits on record",
}
MISSING = {
    "logistics_worst_strait_13w": "no strait with recent counts of ships that at least 10 % of its tonnes pass",
    "logistics_coverage_share": "sea routes not known: no tonnes in the newest trade figures",
}
ZERO = {
    "logistics_exposed_share": "none of its tonnes pass a strait whose ships are counted",
    "logistics_age_weeks": "the newest counts of ships in straits are of last week",
    "logistics_coverage_share": "no sea route of its tonnes is known",
}
_NORMAL = "those of the same weeks of earlier years"
PHRASES = {  # feature -> theme and template
    "logistics_transits_4w": f"straits: ships through its straits in the last 4 weeks were {{against}} {_NORMAL}",
    "logistics_transits_13w": f"straits: ships through its straits in the last 13 weeks were {{against}} {_NORMAL}",
    "logistics_dry_bulk_13w": f"straits: bulk carriers through its straits in 13 weeks were {{against}} {_NORMAL}",
    "logistics_worst_strait_13w": f"straits: in its emptiest strait, ships in 13 weeks were {{against}} {_NORMAL}",
    "logistics_exposed_share": "sea_routes: {percent} of its tonnes pass a strait whose ships are counted",
    "logistics_coverage_share": "sea_routes: the sea route of {percent} of its tonnes is known",
    "logistics_age_weeks": "straits_data: the newest counts of ships in straits are {n} week{s} old",
}
