"""Runs, their rows, the pointer to the current one, and the views that outside readers use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("runs", "forecasts", "explanations", "current", "source_clocks", "drift_figures", "track_record")

NEWEST_OF_WEEK = """NOT EXISTS (
    SELECT 1 FROM runs AS other
    WHERE other.as_of = r.as_of AND NOT other.held_back
        AND (other.created_at, other.run_id) > (r.created_at, r.run_id)
)"""
EXPIRED = "r.valid_until < CURRENT_TIMESTAMP AS expired"
# The contract's columns, in their order.
FORECAST = (
    "f.run_id, f.as_of, f.target, f.horizon, f.window_start, f.window_end, f.mineral, f.stage, f.supplier, "
    "f.probability, f.p_low, f.p_high, f.base_rate, f.tier, f.alert, f.onset, f.probability_previous, f.change, "
    "f.change_data, f.change_revision, f.change_model, f.driver_1, f.driver_2, f.driver_3, f.data_as_of, f.stale, "
    "f.abstained, f.reason, f.model_name, f.model_version, f.data_digest"
)
OF_CURRENT = "FROM current AS c JOIN runs AS r ON r.run_id = c.run_id JOIN forecasts AS f ON f.run_id = c.run_id"
ABOUT_RUN = f"r.as_of_date, r.week, r.kind, r.published_at, r.valid_until, {EXPIRED}"
VIEWS = {
    "v1_current_forecasts": f"SELECT {FORECAST}, {ABOUT_RUN} {OF_CURRENT}",
    "v1_forecasts": f"""SELECT {FORECAST}, r.as_of_date, r.week, r.kind, r.published_at, r.valid_until,
        {NEWEST_OF_WEEK} AS newest_of_week
        FROM runs AS r JOIN forecasts AS f ON f.run_id = r.run_id WHERE NOT r.held_back""",
    "v1_alerts": f"SELECT {FORECAST}, {ABOUT_RUN} {OF_CURRENT} WHERE f.alert",
    "v1_movers": f"""SELECT f.run_id, f.as_of, f.target, f.horizon, f.mineral, f.stage, f.supplier,
        row_number() OVER (
            PARTITION BY f.target, f.horizon ORDER BY abs(f.change) DESC, f.mineral, f.supplier
        ) AS place,
        f.probability, f.probability_previous, f.change, f.change_data, f.change_revision, f.change_model, f.tier,
        f.driver_1, f.driver_2, f.driver_3, f.data_as_of, f.stale, {ABOUT_RUN}
        {OF_CURRENT} WHERE f.change <> 0""",
    "v1_runs": f"""SELECT r.run_id, r.as_of, r.as_of_date, r.week, r.kind, r.created_at, r.published_at,
        r.valid_until, {EXPIRED}, r.model_version, r.model_alias, r.data_digest, r.rows, r.pairs, r.abstained,
        r.stale, r.drift_worst, r.held_back, c.run_id IS NOT NULL AS is_current,
        {NEWEST_OF_WEEK} AND NOT r.held_back AS newest_of_week
        FROM runs AS r LEFT JOIN current AS c ON c.run_id = r.run_id""",
    "v1_freshness": """SELECT s.run_id, r.as_of, s.source, s.dataset, s.fetched_at, s.newest_observation, s.known_at,
        s.age_days, s.rows, s.state, r.published_at AS measured_at, c.run_id IS NOT NULL AS is_current
        FROM source_clocks AS s JOIN runs AS r ON r.run_id = s.run_id LEFT JOIN current AS c ON c.run_id = s.run_id""",
    "v1_drift": """SELECT d.run_id, r.as_of, d.number, d.level, d.kind, d.signal, d.feature, d.value, d.bound,
        d.sentence, r.as_of_date, r.held_back, c.run_id IS NOT NULL AS is_current
        FROM drift_figures AS d JOIN runs AS r ON r.run_id = d.run_id LEFT JOIN current AS c ON c.run_id = d.run_id""",
    "v1_track_record": """SELECT t.run_id, t.as_of, t.number, t.kind, t.target, t.horizon, t.slice, t.slice_value,
        t.name, t.value, t.low, t.high, t.n, t.events, t.insufficient FROM track_record AS t""",
}


def _run_id(*, in_key: bool = True) -> sa.Column:
    of_run = sa.ForeignKey("runs.run_id", ondelete="CASCADE")
    return sa.Column("run_id", sa.String(), of_run, primary_key=in_key, nullable=False)


def _texts(names: str, *, needed: bool = False, key: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.String(), primary_key=key, nullable=not (needed or key)) for name in names.split()]


def _numbers(names: str, *, needed: bool = False) -> list[sa.Column]:
    return [sa.Column(name, sa.Double(), nullable=not needed) for name in names.split()]


def _flags(names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names.split()]


def _moments(names: str, *, needed: bool = True) -> list[sa.Column]:
    return [sa.Column(name, MOMENT, nullable=not needed) for name in names.split()]


def _counts(names: str, *, needed: bool = True) -> list[sa.Column]:
    return [sa.Column(name, sa.Integer(), nullable=not needed) for name in names.split()]


def upgrade() -> None:
    """Make the tables, their indexes and the views."""
    op.create_table(
        "runs",
        *_texts("run_id", key=True),
        *_moments("as_of"),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        *_texts("week kind", needed=True),
        *_moments("created_at published_at valid_until"),
        *_texts("model_version", needed=True),
        *_texts("model_alias"),
        *_texts("data_digest", needed=True),
        *_counts("rows pairs abstained stale"),
        *_texts("drift_worst"),
        *_flags("held_back"),
        *_texts("digest", needed=True),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_as_of", "runs", ["as_of"])
    op.create_index("ix_runs_week", "runs", ["week"])
    _create_row_tables()
    _create_tables_about_runs()
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def _create_row_tables() -> None:
    op.create_table(
        "forecasts",
        _run_id(),
        *_moments("as_of"),
        *_texts("target horizon", key=True),
        *_moments("window_start window_end"),
        *_texts("mineral", key=True),
        *_texts("stage", needed=True),
        *_texts("supplier", key=True),
        *_numbers("probability p_low p_high base_rate"),
        *_texts("tier"),
        *_flags("alert onset"),
        *_numbers("probability_previous change change_data change_revision change_model"),
        *_texts("driver_1 driver_2 driver_3"),
        *_moments("data_as_of", needed=False),
        *_flags("stale abstained"),
        *_texts("reason"),
        *_texts("model_name model_version data_digest", needed=True),
        sa.PrimaryKeyConstraint("run_id", "target", "horizon", "mineral", "supplier", name="pk_forecasts"),
    )
    op.create_index("ix_forecasts_as_of", "forecasts", ["as_of"])
    op.create_index("ix_forecasts_mineral_supplier_as_of", "forecasts", ["mineral", "supplier", "as_of"])
    op.create_index("ix_forecasts_run_id_mineral_supplier", "forecasts", ["run_id", "mineral", "supplier"])
    op.create_table(
        "explanations",
        _run_id(),
        *_texts("target horizon mineral supplier", key=True),
        *_texts("signal", needed=True),
        *_texts("feature", key=True),
        *_numbers("value"),
        *_numbers("contribution", needed=True),
        sa.PrimaryKeyConstraint(
            "run_id", "target", "horizon", "mineral", "supplier", "feature", name="pk_explanations"
        ),
        sqlite_with_rowid=False,
    )


def _create_tables_about_runs() -> None:
    op.create_table(
        "current",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.String(), sa.ForeignKey("runs.run_id"), nullable=False),
        *_moments("as_of set_at"),
        *_counts("edition"),
        sa.PrimaryKeyConstraint("number", name="pk_current"),
        sa.CheckConstraint("number = 1", name=op.f("ck_current_one_row")),
    )
    op.create_table(
        "source_clocks",
        _run_id(),
        *_texts("source dataset", key=True),
        *_moments("fetched_at", needed=False),
        *_texts("newest_observation"),
        *_moments("known_at", needed=False),
        *_counts("age_days", needed=False),
        *_counts("rows"),
        *_texts("state", needed=True),
        sa.PrimaryKeyConstraint("run_id", "source", "dataset", name="pk_source_clocks"),
    )
    op.create_table(
        "drift_figures",
        _run_id(),
        sa.Column("number", sa.Integer(), autoincrement=False, primary_key=True),
        *_texts("kind", needed=True),
        *_texts("signal feature"),
        *_numbers("value bound"),
        *_texts("level", needed=True),
        *_texts("sentence"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_drift_figures"),
    )
    op.create_table(
        "track_record",
        _run_id(),
        sa.Column("number", sa.Integer(), autoincrement=False, primary_key=True),
        *_moments("as_of"),
        *_texts("kind target horizon slice slice_value name", needed=True),
        *_numbers("value low high"),
        *_counts("n events", needed=False),
        *_flags("insufficient"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_track_record"),
    )


def downgrade() -> None:
    """Drop them, with what is in them; `oresight publish --all` brings it back."""
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    for name in reversed(TABLES):
        op.drop_table(name)
