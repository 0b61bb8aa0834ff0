"""Tables that are made once per run, or once: sources with their clocks, the record, codes and names, measures."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from features.catalog import load_catalog
from ml.service.listing import Listing, arrow_table
from ml.service.problems import Problem
from ml.service.reading import Reader, explanation_rows, source_rows, track_record_rows
from ml.service.shapes import (
    CODEBOOK,
    EXPLANATIONS,
    MEASURES,
    MINERALS,
    SOURCES,
    SUPPLIERS,
    TRACK_RECORD,
    Shape,
)
from ml.service.snapshot import Row, Snapshot
from ml.settings import Settings

__all__ = [
    "codebook_listing",
    "explanation_listing",
    "measures_listing",
    "mineral_listing",
    "source_listing",
    "supplier_listing",
    "track_record_listing",
]


def _listing(shape: Shape, rows: list[Row]) -> Listing:
    return Listing.of(shape, [tuple(row.get(name) for name in shape.columns) for row in rows])


def explanation_listing(reader: Reader, snapshot: Snapshot) -> Listing:
    """Give all explanations of a run: hundreds of thousands of rows in some twenty megabytes.

    They are read in small pieces, so that no query is long and requests are answered in between.
    """
    names, listing = ("target", "horizon", "mineral"), snapshot.forecasts
    pieces = [
        arrow_table(EXPLANATIONS, list(EXPLANATIONS.columns), explanation_rows(reader, snapshot.run_id, *piece))
        for piece in sorted(listing.positions_by(names))
    ]
    return Listing(EXPLANATIONS, pa.concat_tables(pieces))


def source_listing(reader: Reader, run: Row) -> Listing:
    """Give the clocks of every source at a run, with what its declaration says of it."""
    from features import collection  # what all sources import takes a second

    specs = {spec.name: spec for spec in (collection.source(name).SPEC for name in collection.SOURCES)}
    rows = []
    for row in source_rows(reader, run["run_id"]):
        spec = specs.get(row["source"])
        about: dict[str, Any] = {}
        if spec is not None:
            about = {"allowed_days": spec.stale_after_days, "title": spec.title}
            about |= {"publisher": spec.publisher, "licence": spec.licence}
        rows.append({**row, "as_of": run["as_of"], **about})
    return _listing(SOURCES, rows)


def track_record_listing(reader: Reader) -> Listing:
    """Give the record that was published last."""
    return _listing(TRACK_RECORD, track_record_rows(reader))


def codebook_listing() -> Listing:
    """Give every feature, and every column of the forecast row."""
    from features.codebook import FORECAST_ROW
    from features.panel import SIGNALS

    rows: list[Row] = [
        {
            "kind": "feature",
            "signal": signal.name,
            "name": feature.name,
            "unit": feature.unit,
            "direction": feature.direction,
            "sentence": feature.sentence,
        }
        for signal in SIGNALS
        for feature in signal.features
    ]
    rows += [
        {"kind": "column", "name": each.name, "unit": each.unit, "sentence": each.sentence} for each in FORECAST_ROW
    ]
    return _listing(CODEBOOK, rows)


def mineral_listing() -> Listing:
    """Give the minerals of the catalogue; codes are those that count, of all revisions."""
    catalog = load_catalog()
    codes = catalog.used_hs_codes()
    of_mineral = codes.groupby("mineral")["hs_code"].agg(lambda each: ";".join(sorted(set(each)))).to_dict()
    rows: list[Row] = [
        {
            "mineral": each.id,
            "name_en": each.name_en,
            "name_zh_tw": each.name_zh_tw,
            "stage": each.stage,
            "symbol": each.symbol,
            "by_product_of": ";".join(each.by_product_of),
            "eol_rir_frac": each.eol_rir_frac,
            "hs_codes": of_mineral.get(each.id, ""),
            "lists": ";".join(f"{entry.list_id} {entry.list_year}" for entry in catalog.lists_of(each.id)),
            "note": each.note,
        }
        for each in catalog.minerals.values()
    ]
    return _listing(MINERALS, rows)


def supplier_listing(snapshot: Snapshot) -> Listing:
    """Give the suppliers of a run."""
    catalog = load_catalog()
    names = ("supplier", "mineral", "alert", "probability")
    rows = pd.DataFrame({name: snapshot.forecasts.values(name) for name in names})
    found = rows.groupby("supplier").agg(
        minerals=("mineral", "nunique"), alerts=("alert", "sum"), highest_probability=("probability", "max")
    )
    listed: list[Row] = []
    for each in found.reset_index().to_dict("records"):
        country = catalog.country(each["supplier"])
        highest = each["highest_probability"]
        listed.append(
            {
                "run_id": snapshot.run_id,
                "as_of": snapshot.as_of,
                "supplier": country.iso3,
                "iso2": country.iso2 or None,
                "name_en": country.name_en,
                "name_zh_tw": country.name_zh_tw,
                "region": country.region,
                "minerals": int(each["minerals"]),
                "alerts": int(each["alerts"]),
                "highest_probability": None if pd.isna(highest) else float(highest),
            }
        )
    return _listing(SUPPLIERS, listed)


def measures_listing(settings: Settings, as_of: Any) -> Listing:
    """Give the measures known at a date, from the home folder.

    Raises:
        Problem: the home has no datasets; an empty list would read as if there were no measures.
    """
    from features.store import Store

    store = Store(settings.datasets)
    if not settings.datasets.is_dir() or not store.batches("measures"):
        remedy = "Serve from the home folder in which `oresight weekly` runs, with `--home`."
        raise Problem("not-here", "the home folder of this service has no measures", remedy=remedy)
    table = store.read("measures", as_of=as_of)[list(MEASURES.columns)].astype(object)
    table = table.where(table.notna(), None)
    rows = [
        tuple(value.to_pydatetime() if isinstance(value, pd.Timestamp) else value for value in row)
        for row in table.itertuples(index=False, name=None)
    ]
    return Listing.of(MEASURES, rows)
