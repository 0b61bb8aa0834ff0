"""What each feature of the signal `mirror_trade` says in words; the slots are those of `models.phrases`."""

from __future__ import annotations

__all__ = ["MISSING", "PHRASES", "THEMES", "ZERO"]

THEMES = {  # theme -> words for a missing value
    "buyers_now": "no buyer's customs figures for this year on record",
    "buyers_last": "no buyer's customs figures for last year on record",
    "buyers_mineral": "no buyers' figures for the mineral this year on record",
    "buyers_supplier": "no buyers' figures for the supplier this year on record",
    "buyers_world": "no buyers' figures for this year on record",
    "buyers_price": "no price in the buyers' figures of this year",
    "buyers_coverage": "no buyer's customs figures on record",
    "own_exports": "no export figures of its own for this year on record",
}
MISSING = {"mirror_own_last_vs_3y": "no export figures of its own for last year on record"}
ZERO = {
    "mirror_reporters_falling": "none of the reporting buyers imports much less than normal this year",
    "mirror_coverage": "the reporting buyers took none of its exports in {year}",
    "mirror_is_heading": "the buyers' figures are of its own product code",
    "mirror_months": "no month of this year is in the buyers' figures yet",
    "mirror_age_months": "the buyers' figures reach to this month",
}
_YEARS = "the same months of three years"
_LAST = "against the same months of last year"
PHRASES = {  # feature -> theme and template
    "mirror_ytd_vs_3y": f"buyers_now: reporting buyers' imports this year (value) are {{against}} {_YEARS}",
    "mirror_ytd_vs_1y": f"buyers_now: reporting buyers' imports (value) {{moved}} {_LAST}",
    "mirror_ytd_tonnes_vs_3y": f"buyers_now: reporting buyers' imports this year (tonnes) are {{against}} {_YEARS}",
    "mirror_ytd_tonnes_vs_1y": f"buyers_now: reporting buyers' imports (tonnes) {{moved}} {_LAST}",
    "mirror_projected_vs_3y": "buyers_now: at this year's pace buyers' imports (value) end {against} three full years",
    "mirror_projected_tonnes_vs_3y": "buyers_now: at this year's pace buyers' tonnes end {against} three full years",
    "mirror_share_change": "buyers_now: its share of reporting buyers' imports is {points} that of last year",
    "mirror_reporters_falling": "buyers_now: {percent} of reporting buyers import much less than normal this year",
    "mirror_weighted_change": "buyers_now: buyers' imports, weighed by share of its exports, are {against} normal",
    "mirror_last_vs_3y": "buyers_last: buyers' imports last year (value) were {against} those of three years before",
    "mirror_last_tonnes_vs_3y": "buyers_last: buyers' tonnes last year were {against} those of three years before",
    "mirror_mineral_ytd_vs_3y": f"buyers_mineral: buyers' imports of it from everyone are {{against}} {_YEARS}",
    "mirror_mineral_ytd_vs_1y": f"buyers_mineral: buyers' imports of it from everyone {{moved}} {_LAST}",
    "mirror_supplier_ytd_vs_3y": f"buyers_supplier: buyers' imports of all its minerals are {{against}} {_YEARS}",
    "mirror_supplier_ytd_vs_1y": f"buyers_supplier: buyers' imports of all its minerals {{moved}} {_LAST}",
    "mirror_world_ytd_vs_1y": f"buyers_world: buyers' imports of all minerals from everyone {{moved}} {_LAST}",
    "mirror_world_median_vs_1y": f"buyers_world: buyers' imports of the middle product {{moved}} {_LAST}",
    "mirror_price_change": "buyers_price: the price its buyers pay {moved} this year",
    "mirror_coverage": "buyers_coverage: the reporting buyers took {percent} of its exports in {year}",
    "mirror_reporters": "buyers_coverage: imports from it are reported by {n} buyer{s}",
    "mirror_is_heading": "buyers_coverage: the buyers' figures are of a heading that other products share",
    "mirror_months": "buyers_coverage: {n} month{s} of this year are in the buyers' figures",
    "mirror_age_months": "buyers_coverage: the buyers' newest figures are {n} month{s} old",
    "mirror_own_ytd_vs_3y": f"own_exports: its own declared exports this year (value) are {{against}} {_YEARS}",
    "mirror_own_ytd_tonnes_vs_3y": f"own_exports: its own declared exports this year (tonnes) are {{against}} {_YEARS}",
    "mirror_own_last_vs_3y": "own_exports: its own declared exports last year (value) were {against} three before",
}
