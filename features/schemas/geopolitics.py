"""The world around suppliers: indices of risk, politics, sanctions, disasters and ships in straits."""

from __future__ import annotations

import pandera.pandas as pa

from features.schemas.columns import (
    FINITE,
    FINITE_NOT_NEGATIVE,
    IN_OUR_TIME,
    ISO3,
    ISO3_OR_NONE,
    MINERAL_LIST,
    MOMENT,
    WEB_LINK,
    declare,
)

__all__ = ["HAZARD_KINDS", "POLITICAL_KINDS", "SANCTIONED_KINDS", "SHIP_TYPES", "TABLES"]

POLITICAL_KINDS = (
    "coup",
    "failed_coup",
    "coup_plot",
    "irregular_change",
    "leader_change",
    "election",
)
SANCTIONED_KINDS = ("programme", "entity", "person", "vessel", "aircraft")
HAZARD_KINDS = (
    "earthquake",
    "volcano",
    "cyclone",
    "flood",
    "drought",
    "wildfire",
    "tsunami",
)
SHIP_TYPES = ("total", "container", "dry_bulk", "general_cargo", "roro", "tanker")

TABLES = (
    declare(
        "geopolitics",
        "What one index or count says of a country, of a country towards another, or of the world in one period.",
        ("source", "indicator", "country", "partner", "frequency", "starts_on"),
        {
            "indicator": pa.Column(str, pa.Check.str_matches(r"^[a-z][a-z0-9_]*$")),
            # Empty: the world.
            "country": pa.Column(str, ISO3_OR_NONE),
            # Empty: the country by itself.
            "partner": pa.Column(str, ISO3_OR_NONE),
            "frequency": pa.Column(str, pa.Check.isin(("day", "week", "month", "year"))),
            "starts_on": pa.Column(MOMENT, IN_OUR_TIME),
            "value": pa.Column("float64", FINITE),
        },
    ),
    declare(
        "political_events",
        "One coup, change of leader or election of a country, perhaps still to come, as known at one moment.",
        ("source", "event_id"),
        {
            "event_id": pa.Column(str),
            "country": pa.Column(str, ISO3),
            "kind": pa.Column(str, pa.Check.isin(POLITICAL_KINDS)),
            # The day on which it happened or, of an election to come, is to be held.
            "happens_at": pa.Column(MOMENT, IN_OUR_TIME),
            "title": pa.Column(str),
        },
    ),
    declare(
        "sanctions",
        "One entry of one list of sanctions, or one programme, as first seen or dated by the list.",
        ("source", "entry_id"),
        {
            "entry_id": pa.Column(str),
            # ISO 3166 alpha-3 of the state; EUU for the European Union, UNO for the United Nations.
            "imposed_by": pa.Column(str, ISO3),
            # The state whose people, firms or goods it is about; empty where the list does not say.
            "country": pa.Column(str, ISO3_OR_NONE),
            "kind": pa.Column(str, pa.Check.isin(SANCTIONED_KINDS)),
            "programme": pa.Column(str),
            "name": pa.Column(str, pa.Check.str_length(1, None)),
            # Whether the entry's own text names a business of mining or metals, and which minerals of the catalogue.
            "is_metals": pa.Column(bool),
            "minerals": pa.Column(str, MINERAL_LIST),
            "listed_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
        },
    ),
    declare(
        "hazards",
        "One natural disaster, where it was and how strong, as known at one moment.",
        ("source", "event_id"),
        {
            "event_id": pa.Column(str),
            "kind": pa.Column(str, pa.Check.isin(HAZARD_KINDS)),
            # Empty: at sea, or not said.
            "country": pa.Column(str, ISO3_OR_NONE),
            "latitude": pa.Column("float64", pa.Check.between(-90, 90)),
            "longitude": pa.Column("float64", pa.Check.between(-180, 180)),
            "happened_at": pa.Column(MOMENT, IN_OUR_TIME),
            "ended_at": pa.Column(MOMENT, IN_OUR_TIME, nullable=True),
            # Moment magnitude of an earthquake, explosivity of an eruption, wind in km/h; missing where there is none.
            "magnitude": pa.Column("float64", FINITE, nullable=True),
            "depth_km": pa.Column("float64", FINITE, nullable=True),
            # 1 green, 2 orange, 3 red, as GDACS grades; by magnitude where a source has no grades.
            "severity": pa.Column("int8", pa.Check.between(1, 3)),
            "title": pa.Column(str),
            "link": pa.Column(str, WEB_LINK),
        },
    ),
    declare(
        "transits",
        "How many ships of one type passed one strait or canal on one day, and what they can carry.",
        ("source", "strait", "ship_type", "starts_on"),
        {
            "strait": pa.Column(str),
            "ship_type": pa.Column(str, pa.Check.isin(SHIP_TYPES)),
            "starts_on": pa.Column(MOMENT, IN_OUR_TIME),
            "calls": pa.Column("int64", pa.Check.ge(0)),
            # Deadweight.
            "capacity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE, nullable=True),
        },
    ),
)
