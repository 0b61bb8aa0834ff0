"""Dated events and what is decided about them: measures, incidents, reviews and the coverage of compiled tables."""

from __future__ import annotations

import pandera.pandas as pa

from features.schemas.columns import EVENT_DIRECTIONS, HS_LIST, IN_OUR_TIME, ISO3, ISO3_LIST, MOMENT, declare

__all__ = ["TABLES"]

EVENT_COLUMNS = {
    "event_id": pa.Column(str),
    "mineral": pa.Column(str),
    "supplier": pa.Column(str, ISO3),
    "kind": pa.Column(str),
    "direction": pa.Column(str, pa.Check.isin(EVENT_DIRECTIONS)),
    "severity": pa.Column("int8", pa.Check.between(1, 3)),
    "effective_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
    "ended_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
    "title": pa.Column(str),
    "confidence": pa.Column(str, pa.Check.isin(("high", "medium", "low"))),
}

TABLES = (
    declare(
        "measures",
        "One policy act of a supplier that touches one mineral, as one source knew it at one moment.",
        ("source", "event_id", "mineral"),
        {
            **EVENT_COLUMNS,
            # Missing where only the year is known: the act then counts as known from that year's end.
            "announced_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
            # Codes joined by ";"; empty: all importers, or no product named.
            "targeted_importers": pa.Column(str, ISO3_LIST),
            "hs_codes": pa.Column(str, HS_LIST),
            "evidence": pa.Column(str),
        },
    ),
    declare(
        "incidents",
        "One thing that happened to a supplier's output of one mineral, as known at one moment.",
        ("event_id", "mineral"),
        EVENT_COLUMNS,
    ),
    declare(
        "reviews",
        "What an analyst decided about one candidate for a measure, and why.",
        ("candidate_id",),
        {
            "candidate_id": pa.Column(str),
            "decision": pa.Column(str, pa.Check.isin(("confirmed", "rejected", "reopened"))),
            "reviewed_by": pa.Column(str),
            "why": pa.Column(str),
            # What was confirmed, as JSON; empty where nothing was.
            "measure": pa.Column(str),
        },
    ),
    declare(
        "coverage",
        "From when until when a compiled table of events claims to be complete.",
        ("dataset", "bound"),
        {
            "dataset": pa.Column(str),
            "bound": pa.Column(str, pa.Check.isin(("from", "until"))),
            "bound_at": pa.Column(MOMENT),
        },
    ),
)
