"""Figures of one year, month or day: trade, prices, production and governance."""

from __future__ import annotations

import pandera.pandas as pa

from features.schemas.columns import FINITE_NOT_NEGATIVE, ISO3, MOMENT, declare

__all__ = ["TABLES"]

TABLES = (
    declare(
        "trade",
        "What one country exported to another of one HS6 product in one year.",
        ("year", "hs_code", "supplier", "importer"),
        {
            "year": pa.Column("int16", pa.Check.between(1962, 2100)),
            "hs_code": pa.Column(str, pa.Check.str_matches(r"^\d{6}$")),
            "supplier": pa.Column(str, ISO3),
            "importer": pa.Column(str, ISO3),
            "value_usd": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "is_imputed": pa.Column(bool),
        },
    ),
    declare(
        "mirror_trade",
        "What one customs office counted between a supplier and an importer of one product over whole months.",
        ("source", "reported_by", "importer", "supplier", "hs_code", "basis", "first_month", "last_month"),
        {
            "reported_by": pa.Column(str, pa.Check.isin(("importer", "supplier"))),
            "importer": pa.Column(str, ISO3),
            "supplier": pa.Column(str, ISO3),
            "hs_code": pa.Column(str, pa.Check.str_matches(r"^\d{2,11}$")),
            # What the quantity weighs: the product, the metal in it, or nothing (counted in other units).
            "basis": pa.Column(str, pa.Check.isin(("gross", "content", "none"))),
            "first_month": pa.Column(MOMENT),
            "last_month": pa.Column(MOMENT),
            "value_usd": pa.Column("float64", FINITE_NOT_NEGATIVE, nullable=True),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE, nullable=True),
            "is_estimated": pa.Column(bool),
        },
    ),
    declare(
        "prices",
        "What one price series said about one month or day.",
        ("source", "series", "frequency", "starts_on"),
        {
            "series": pa.Column(str),
            "frequency": pa.Column(str, pa.Check.isin(("month", "day"))),
            "starts_on": pa.Column(MOMENT),
            "price": pa.Column("float64", pa.Check.in_range(0, float("inf"), include_min=False, include_max=False)),
            "unit": pa.Column(str),
        },
    ),
    declare(
        "production",
        "What one publisher says one country mined or refined of one mineral in one year.",
        ("source", "year", "mineral", "supplier"),
        {
            "year": pa.Column("int16", pa.Check.between(1900, 2100)),
            "mineral": pa.Column(str),
            "supplier": pa.Column(str, ISO3),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "is_estimated": pa.Column(bool),
        },
    ),
    declare(
        "production_monthly",
        "What one publisher says one country mined of one mineral in one month.",
        ("source", "mineral", "supplier", "month"),
        {
            "mineral": pa.Column(str),
            "supplier": pa.Column(str, ISO3),
            "month": pa.Column(MOMENT),
            "quantity_tonnes": pa.Column("float64", FINITE_NOT_NEGATIVE),
            "is_estimated": pa.Column(bool),
        },
    ),
    declare(
        "governance",
        "One governance indicator of one country in one year, in standard normal units.",
        ("year", "indicator", "supplier"),
        {
            "year": pa.Column("int16", pa.Check.between(1990, 2100)),
            "indicator": pa.Column(str),
            "supplier": pa.Column(str, ISO3),
            "estimate": pa.Column("float64", pa.Check.between(-5, 5)),
        },
    ),
)
