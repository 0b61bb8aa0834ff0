"""The tables of warnings: their state, every change of it, what was sent to whom, what is muted, which runs were read.

No address and no secret is kept here: a recipient is the name that `alerts.toml` gives it. Unlike the tables of runs,
these cannot be rebuilt from files: they are what was said, and who took note.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Double, ForeignKey, Index, Integer, String, Table

from ml.database.metadata import Moment, metadata

__all__ = ["deliveries", "mutes", "warning_events", "warning_runs", "warnings"]

warnings = Table(
    "warnings",
    metadata,
    Column("warning_id", String, primary_key=True),
    # One open warning per event: text while it is open, nothing once it is cleared.
    Column("open_key", String, unique=True),
    Column("is_drill", Boolean, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("rule", String, nullable=False),
    Column("target", String, nullable=False),
    Column("horizon", String, nullable=False),
    Column("event_window", String, nullable=False),
    Column("window_end", Moment, nullable=False),
    Column("mineral", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("supplier", String, nullable=False),
    # As last told; `peak_tier` is the highest tier told.
    Column("tier", String, nullable=False),
    Column("peak_tier", String, nullable=False),
    Column("probability", Double, nullable=False),
    Column("p_low", Double, nullable=False),
    Column("p_high", Double, nullable=False),
    Column("base_rate", Double),
    Column("run_id", String, nullable=False),
    Column("raised_as_of", Moment, nullable=False),
    Column("changed_as_of", Moment, nullable=False),
    # The event number from which the warning waits to be acknowledged, and the newest number.
    Column("waits_from", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("was_told", Boolean, nullable=False),
    # A change came while it was muted.
    Column("is_behind", Boolean, nullable=False),
    Column("acknowledged_at", Moment),
    Column("acknowledged_by", String),
    Index(None, "mineral", "supplier"),
    Index(None, "changed_as_of"),
)
warning_events = Table(
    "warning_events",
    metadata,
    Column("event_id", String, primary_key=True),
    # Nothing for a digest or a notice, which are about a run.
    Column("warning_id", ForeignKey("warnings.warning_id"), index=True),
    Column("number", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("why", String, nullable=False),
    # single, digest, muted or quiet.
    Column("told", String, nullable=False),
    Column("is_drill", Boolean, nullable=False),
    Column("run_id", String, nullable=False),
    Column("as_of", Moment, nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("facts", JSON, nullable=False),
    Index(None, "run_id", "is_drill"),
)
deliveries = Table(
    "deliveries",
    metadata,
    # The idempotency key: a digest of event, channel and recipient.
    Column("delivery_id", String, primary_key=True),
    Column("event_id", ForeignKey("warning_events.event_id"), nullable=False, index=True),
    Column("warning_id", ForeignKey("warnings.warning_id")),
    Column("number", Integer, nullable=False),
    Column("recipient_group", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("unless_acknowledged", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("next_attempt_at", Moment, nullable=False),
    Column("claimed_by", String),
    Column("claimed_until", Moment),
    Column("sent_at", Moment),
    Column("last_error", String),
    Index(None, "state", "next_attempt_at"),
    Index(None, "warning_id", "recipient", "number"),
)
mutes = Table(
    "mutes",
    metadata,
    Column("mute_id", Integer, primary_key=True),
    Column("pattern", String, nullable=False),
    Column("muted_until", Moment, nullable=False),
    Column("why", String, nullable=False),
    Column("muted_by", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
)
# A run is read once: whoever adds the row first evaluates it.
warning_runs = Table(
    "warning_runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("is_drill", Boolean, primary_key=True),
    Column("as_of", Moment, nullable=False, index=True),
    Column("evaluated_at", Moment, nullable=False),
    # Why warnings neither rose nor cleared; nothing when they could.
    Column("held", String),
    Column("rules_digest", String, nullable=False),
    Column("events", Integer, nullable=False),
)
