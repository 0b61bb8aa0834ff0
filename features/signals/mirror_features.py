"""The features of signal `mirror_trade`, in panel order; "to date" means January to the last month that is out."""

from __future__ import annotations

from features.signals.declaration import Feature

__all__ = ["FEATURES"]

# Buyers that import more of it this year can only lower the risk: models hold themselves to that.
CHANGES = (
    (
        "ytd_vs_3y",
        "Buyers' imports from the supplier this year to date (value) against the same months of three years.",
    ),
    ("ytd_vs_1y", "The same against the same months of the year before."),
    ("ytd_tonnes_vs_3y", "Buyers' imports this year to date in tonnes against the same months of three years."),
    ("ytd_tonnes_vs_1y", "The same in tonnes against the year before."),
    ("projected_vs_3y", "Last year's imports (value) carried on at this year's pace, against three full years."),
    ("projected_tonnes_vs_3y", "The same in tonnes."),
    ("weighted_change", "This year to date against three years, times the share of exports the reporters bought."),
    ("mineral_ytd_vs_3y", "Buyers' imports of the mineral from everyone this year to date against three years."),
    ("mineral_ytd_vs_1y", "The same against the year before."),
    ("supplier_ytd_vs_3y", "Buyers' imports of all minerals from the supplier this year to date against three years."),
    ("supplier_ytd_vs_1y", "The same against the year before."),
    ("world_ytd_vs_1y", "Buyers' imports of all minerals from everyone this year to date against the year before."),
    ("world_median_vs_1y", "The median over products of buyers' imports this year to date against the year before."),
    ("own_ytd_vs_3y", "The supplier's own declared exports this year to date (value) against three years."),
    ("own_ytd_tonnes_vs_3y", "The same in tonnes."),
)
OTHERS = (
    ("last_vs_3y", "log_ratio", "Buyers' imports last year, as far as known (value), against three years."),
    ("last_tonnes_vs_3y", "log_ratio", "The same in tonnes."),
    (
        "own_last_vs_3y",
        "log_ratio",
        "The supplier's own declared exports last year, as far as known, against three years.",
    ),
    (
        "share_change",
        "frac",
        "Change of the supplier's share of what reporters bought, to date against the year before.",
    ),
    ("price_change", "log_ratio", "Price per tonne paid to the supplier this year to date against the year before."),
    (
        "reporters_falling",
        "frac",
        "Share of reporting buyers whose imports this year to date are below 70 % of normal.",
    ),
    ("coverage", "frac", "Share of the supplier's exports that went to the reporters in the last known trade year."),
    ("reporters", "count", "Customs offices that report the pair."),
    ("is_heading", "frac", "1 where only a coarse heading is reported that other minerals share."),
    ("months", "months", "Months of this year that are in the figures; 0 while none is out."),
    ("age_months", "months", "Months from the newest one in the figures to the forecast date."),
)

FEATURES = (
    *(Feature(f"mirror_{name}", "log_ratio", sentence, direction=-1) for name, sentence in CHANGES),
    *(Feature(f"mirror_{name}", unit, sentence) for name, unit, sentence in OTHERS),
)
