"""The tables of published runs: one row of `runs` per run, its rows of forecasts, and the pointer to the current one.

`forecasts` has the columns of `ml.contract.COLUMNS`, in their order. Readers outside (Superset, Metabase, Power BI,
Grafana) use the views, which stay when tables change.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from ml.contract import COLUMNS, EXPLANATION_COLUMNS, MOMENT
from ml.database.metadata import Moment, metadata

__all__ = ["current", "drift_figures", "explanations", "forecasts", "runs", "source_clocks", "track_record"]

TYPES = {"str": String, MOMENT: Moment, "float64": Double, "bool": Boolean}
FORECAST_KEY = ("run_id", "target", "horizon", "mineral", "supplier")
EXPLANATION_KEY = (*FORECAST_KEY, "feature")
# What an abstained row, or a row without a forecast last week, leaves empty.
MAY_BE_MISSING = {
    "probability",
    "p_low",
    "p_high",
    "tier",
    "probability_previous",
    "change",
    "change_data",
    "change_revision",
    "change_model",
    "driver_1",
    "driver_2",
    "driver_3",
    "reason",
    "data_as_of",
    "base_rate",
    "value",
}


def _columns(types: dict[str, str], key: tuple[str, ...]) -> list[Column]:
    return [
        Column(
            name,
            TYPES[kind](),
            *([ForeignKey("runs.run_id", ondelete="CASCADE")] if name == "run_id" else []),
            primary_key=name in key,
            nullable=name in MAY_BE_MISSING,
        )
        for name, kind in types.items()
    ]


runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("as_of", Moment, nullable=False, index=True),
    # The same as a plain date: dashboards filter and group by one without asking for a zone.
    Column("as_of_date", Date, nullable=False),
    Column("week", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("valid_until", Moment, nullable=False),
    Column("model_version", String, nullable=False),
    Column("model_alias", String),
    Column("data_digest", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("pairs", Integer, nullable=False),
    Column("abstained", Integer, nullable=False),
    Column("stale", Integer, nullable=False),
    Column("drift_worst", String),
    Column("held_back", Boolean, nullable=False),
    # The digest of the run's files: the same run published again is the same row.
    Column("digest", String, nullable=False),
    Column("about", JSON, nullable=False),
)
forecasts = Table(
    "forecasts",
    metadata,
    *_columns(COLUMNS, FORECAST_KEY),
    Index(None, "as_of"),
    Index(None, "mineral", "supplier", "as_of"),
    Index(None, "run_id", "mineral", "supplier"),
)
# By far the longest table: in SQLite its key is its only tree.
explanations = Table("explanations", metadata, *_columns(EXPLANATION_COLUMNS, EXPLANATION_KEY), sqlite_with_rowid=False)
current = Table(
    "current",
    metadata,
    # There is one row: the pointer.
    Column("number", Integer, CheckConstraint("number = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("as_of", Moment, nullable=False),
    Column("set_at", Moment, nullable=False),
    Column("edition", Integer, nullable=False),
)
source_clocks = Table(
    "source_clocks",
    metadata,
    Column("run_id", ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("source", String, primary_key=True),
    Column("dataset", String, primary_key=True),
    Column("fetched_at", Moment),
    # The year, month or day that the newest figure is about, as `oresight sources` writes it.
    Column("newest_observation", String),
    Column("known_at", Moment),
    Column("age_days", Integer),
    Column("rows", Integer, nullable=False),
    Column("state", String, nullable=False),
)
drift_figures = Table(
    "drift_figures",
    metadata,
    Column("run_id", ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("signal", String),
    Column("feature", String),
    Column("value", Double),
    Column("bound", Double),
    Column("level", String, nullable=False),
    Column("sentence", String),
)
track_record = Table(
    "track_record",
    metadata,
    Column("run_id", ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # The date up to which outcomes were known when the record was built.
    Column("as_of", Moment, nullable=False),
    Column("kind", String, nullable=False),
    Column("target", String, nullable=False),
    Column("horizon", String, nullable=False),
    Column("slice", String, nullable=False),
    Column("slice_value", String, nullable=False),
    Column("name", String, nullable=False),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("n", Integer),
    Column("events", Integer),
    # Too few events or others: shown, not to be read.
    Column("insufficient", Boolean, nullable=False),
)
