"""Warnings, what happened to each, deliveries, mutes, the runs that were read, and the view of warnings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("warnings", "warning_events", "deliveries", "mutes", "warning_runs")
# Flat and typed for dashboards; the same columns when there are no rows.
VIEW = """
CREATE VIEW v1_warnings AS
SELECT w.changed_as_of AS as_of, w.warning_id, w.state, w.is_drill, w.rule, w.target, w.horizon, w.window_end,
       w.mineral, w.stage, w.supplier, w.tier, w.peak_tier, w.probability, w.p_low, w.p_high, w.base_rate, w.run_id,
       w.raised_as_of, w.acknowledged_at, w.acknowledged_by,
       e.kind AS last_event, e.why AS last_why, e.told AS last_told, e.created_at AS last_event_at,
       (SELECT count(*) FROM deliveries d WHERE d.warning_id = w.warning_id AND d.state = 'sent') AS sent,
       (SELECT count(*) FROM deliveries d WHERE d.warning_id = w.warning_id AND d.state IN ('pending', 'sending'))
           AS pending,
       (SELECT count(*) FROM deliveries d WHERE d.warning_id = w.warning_id AND d.state = 'dead') AS dead
FROM warnings w JOIN warning_events e ON e.event_id = w.warning_id || '/' || w.number
"""


def _texts(names: str, *, needed: bool = True) -> list[sa.Column]:
    return [sa.Column(name, sa.String(), nullable=not needed) for name in names.split()]


def _numbers(names: str, *, needed: bool = True) -> list[sa.Column]:
    return [sa.Column(name, sa.Double(), nullable=not needed) for name in names.split()]


def _flags(names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names.split()]


def _counts(names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names.split()]


def _moments(names: str, *, needed: bool = True) -> list[sa.Column]:
    return [sa.Column(name, MOMENT, nullable=not needed) for name in names.split()]


def upgrade() -> None:
    """Make the tables, their indexes and the view."""
    op.create_table(
        "warnings",
        *_texts("warning_id"),
        *_texts("open_key", needed=False),
        *_flags("is_drill"),
        *_texts("state rule target horizon event_window"),
        *_moments("window_end"),
        *_texts("mineral stage supplier tier peak_tier"),
        *_numbers("probability p_low p_high"),
        *_numbers("base_rate", needed=False),
        *_texts("run_id"),
        *_moments("raised_as_of changed_as_of"),
        *_counts("waits_from number"),
        *_flags("was_told is_behind"),
        *_moments("acknowledged_at", needed=False),
        *_texts("acknowledged_by", needed=False),
        sa.PrimaryKeyConstraint("warning_id", name="pk_warnings"),
        sa.UniqueConstraint("open_key", name="uq_warnings_open_key"),
    )
    op.create_index("ix_warnings_state", "warnings", ["state"])
    op.create_index("ix_warnings_mineral_supplier", "warnings", ["mineral", "supplier"])
    op.create_index("ix_warnings_changed_as_of", "warnings", ["changed_as_of"])
    op.create_table(
        "warning_events",
        *_texts("event_id"),
        sa.Column(
            "warning_id",
            sa.String(),
            sa.ForeignKey("warnings.warning_id", name="fk_warning_events_warning_id_warnings"),
            nullable=True,
        ),
        *_counts("number"),
        *_texts("kind why told"),
        *_flags("is_drill"),
        *_texts("run_id"),
        *_moments("as_of created_at"),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_warning_events"),
    )
    op.create_index("ix_warning_events_warning_id", "warning_events", ["warning_id"])
    op.create_index("ix_warning_events_as_of", "warning_events", ["as_of"])
    op.create_index("ix_warning_events_run_id_is_drill", "warning_events", ["run_id", "is_drill"])
    _create_deliveries()
    op.create_table(
        "mutes",
        sa.Column("mute_id", sa.Integer(), nullable=False),
        *_texts("pattern"),
        *_moments("muted_until"),
        *_texts("why muted_by"),
        *_moments("created_at"),
        *_moments("ended_at", needed=False),
        sa.PrimaryKeyConstraint("mute_id", name="pk_mutes"),
    )
    op.create_table(
        "warning_runs",
        *_texts("run_id"),
        *_flags("is_drill"),
        *_moments("as_of evaluated_at"),
        *_texts("held", needed=False),
        *_texts("rules_digest"),
        *_counts("events"),
        sa.PrimaryKeyConstraint("run_id", "is_drill", name="pk_warning_runs"),
    )
    op.create_index("ix_warning_runs_as_of", "warning_runs", ["as_of"])
    op.execute(VIEW)


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        *_texts("delivery_id"),
        sa.Column(
            "event_id",
            sa.String(),
            sa.ForeignKey("warning_events.event_id", name="fk_deliveries_event_id_warning_events"),
            nullable=False,
        ),
        sa.Column(
            "warning_id",
            sa.String(),
            sa.ForeignKey("warnings.warning_id", name="fk_deliveries_warning_id_warnings"),
            nullable=True,
        ),
        *_counts("number"),
        *_texts("recipient_group channel recipient"),
        *_counts("step"),
        *_flags("unless_acknowledged"),
        *_texts("state"),
        *_counts("attempts"),
        *_moments("queued_at next_attempt_at"),
        *_texts("claimed_by", needed=False),
        *_moments("claimed_until sent_at", needed=False),
        *_texts("last_error", needed=False),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_event_id", "deliveries", ["event_id"])
    op.create_index("ix_deliveries_state_next_attempt_at", "deliveries", ["state", "next_attempt_at"])
    op.create_index("ix_deliveries_warning_id_recipient_number", "deliveries", ["warning_id", "recipient", "number"])


def downgrade() -> None:
    """Drop them, with all that was said; nothing brings it back."""
    op.execute("DROP VIEW v1_warnings")
    for name in reversed(TABLES):
        op.drop_table(name)
