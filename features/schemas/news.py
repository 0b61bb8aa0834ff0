"""Items of news, what they are linked to, and what feeds carried."""

from __future__ import annotations

import pandera.pandas as pa

from features.schemas.columns import EVENT_DIRECTIONS, MOMENT, declare

__all__ = ["TABLES"]

TABLES = (
    declare(
        "news",
        "One item of one news feed, as its title read from one moment on.",
        ("item_id",),
        {
            "item_id": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{16}$")),
            "feed": pa.Column(str),
            "publisher": pa.Column(str),
            # ISO 639-1, empty where nobody says.
            "language": pa.Column(str),
            "title": pa.Column(str, pa.Check.str_length(1, None)),
            "summary": pa.Column(str),
            "link": pa.Column(str, pa.Check.str_matches(r"^($|https?://)")),
            "published_at": pa.Column(MOMENT, nullable=True),
            "collected_at": pa.Column(MOMENT),
            "is_archived": pa.Column(bool),
            "content_hash": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{16}$")),
        },
    ),
    declare(
        "news_links",
        "What one news item with an event says of one mineral and one supplier, either of them perhaps unnamed.",
        ("item_id", "mineral", "supplier"),
        {
            "item_id": pa.Column(str),
            "mineral": pa.Column(str),
            "supplier": pa.Column(str, pa.Check.str_matches(r"^([A-Z]{3})?$")),
            "event_type": pa.Column(str),
            "direction": pa.Column(str, pa.Check.isin(EVENT_DIRECTIONS)),
            "tense": pa.Column(str),
            "confidence": pa.Column("float64", pa.Check.between(0, 1)),
            "title": pa.Column(str),
            "feed": pa.Column(str),
            "language": pa.Column(str),
            "linker": pa.Column(str),
        },
    ),
    declare(
        "news_coverage",
        "What one news feed carried in one week, and how often it was asked, as far as known at one moment.",
        ("feed", "week_starts_at"),
        {
            "feed": pa.Column(str),
            "language": pa.Column(str),
            "week_starts_at": pa.Column(MOMENT),
            "items": pa.Column("int64", pa.Check.ge(0)),
            "linked": pa.Column("int64", pa.Check.ge(0)),
            "polls_ok": pa.Column("int64", pa.Check.ge(0)),
            "polls_failed": pa.Column("int64", pa.Check.ge(0)),
            "is_archived": pa.Column(bool),
        },
    ),
)
