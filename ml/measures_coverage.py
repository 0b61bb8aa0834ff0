"""How much of the published picture of export restrictions the table of measures covers, and who adds what.

The OECD counts one measure per country, six-digit product and type on critical raw materials: 2,518 in 2009 and 13,102
in 2020. Ours are counted in the same unit as far as it goes, and in acts. The page says the gap instead of scaling it
away.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.catalog import Catalog, load_catalog
from features.knowledge_time import UTC
from features.measure_counts import in_force_at, size_at, year_ends
from features.measures import GROUPS, SAME_GROUP_DAYS, SAME_KIND_DAYS, current
from features.store import Store
from ml import tracking
from ml.knowledge import open_store
from ml.measures_commands import known_measures
from ml.results import write_page
from ml.settings import load_settings

__all__ = ["OECD_COUNTS", "Coverage", "coverage"]

# OECD, Inventory of Export Restrictions: measures on critical raw materials in force in the year.
OECD_COUNTS = {2009: 2518, 2020: 13102}
SHOWN_KINDS = ("export_tax", "licensing", "export_ban", "export_quota")
SOURCES = ("events", "iea_policies", "global_trade_alert", "oecd_restrictions")
LEFT_OUT = "quarantine/{source}-left-out.csv"

GAP = (
    "What we hold is the dated acts that moved markets, not the stock of rules: tariff schedules with an export tax on "
    "each of hundreds of products, licences that have been needed for decades, and restrictions on waste and scrap are "
    "what the OECD's inventory is made of and what we lack. What was in force before 2009 is not known to us at all, "
    "so our growth since then is mostly that of the table and must not be read as the world's."
)
PUBLISHED = (
    "The OECD counts one measure per country, six-digit product and type of restriction, on critical raw materials: "
    "2,518 in 2009 and 13,102 in 2020, with export taxes and licensing the largest kinds. Ours in the same unit "
    "(*lines*) and in acts, in force at the end of the year, as known now:"
)
SPAN = (
    "Only our own table claims to be complete for a span ({told}), and that in the sense of decision 0008. The other "
    "sources are extracts or lists with other aims: they add measures and widen no span, so a week outside it stays "
    "missing, whatever they hold of it."
)


@dataclass(frozen=True)
class Coverage:
    """The figures of the page, and the page."""

    figures: dict[str, Any]
    page: str


def coverage(out: Path, *, as_of: str | None, page: Path | None, home: Path | None) -> Coverage:
    """Write `out/measures-coverage.md` and `out/measures-coverage.json`, and the page again to `page`."""
    found, moment = known_measures(as_of, home)
    store = open_store(load_settings(home), now=dt.datetime.now(UTC))
    figures = {
        "as_of": moment.date().isoformat(),
        "data": store.digest(as_of=moment),
        **compare(current(found), load_catalog(), until=moment),
        "claimed_span": claimed_span(store.read("coverage", as_of=moment)),
        "left_out": {source: _left_out(store, source) for source in SOURCES},
    }
    text = page_text(figures, code=tracking.git_commit())
    write_page(out / "measures-coverage.md", text, page)
    (out / "measures-coverage.json").write_text(json.dumps(figures, indent=1) + "\n")
    return Coverage(figures, text)


def compare(newest: pd.DataFrame, catalog: Catalog, *, until: dt.datetime) -> dict[str, Any]:
    """Count by year, by kind and by source.

    Args:
        newest: newest versions of merged measures.

    Returns:
        `years` (acts, lines, oecd per year), `kinds` (acts and lines per kind, in 2009, 2020 and last), `combinations`
        (acts by who tells of them) and `adds` (what each source alone has).
    """
    years = []
    for end in year_ends(until):
        acts, lines = size_at(newest, catalog, end)
        years.append({"year": end.year, "acts": acts, "lines": lines, "oecd": OECD_COUNTS.get(end.year)})
    ends = {str(end.year): end for end in year_ends(until) if end.year in (*OECD_COUNTS, until.year)}
    kinds = [
        {"kind": kind} | {year: size_at(newest[newest["kind"].eq(kind)], catalog, end) for year, end in ends.items()}
        for kind in GROUPS
        if kind != "easing"
    ]
    return {
        "years": years,
        "kinds": kinds,
        "products": catalog.used_hs_codes()["hs_code"].nunique(),
        **_by_source(newest, catalog, until),
    }


def _by_source(newest: pd.DataFrame, catalog: Catalog, until: dt.datetime) -> dict[str, Any]:
    named = newest.groupby("event_id")["sources"].agg(
        lambda cells: sorted({n for cell in cells for n in cell.split(";")})
    )
    combinations = Counter(" + ".join(names) for names in named)
    adds = []
    for source in SOURCES:
        has = {event for event, names in named.items() if source in names}
        alone = {event for event in has if len(named[event]) == 1}
        others = newest[~newest["event_id"].isin(alone)]
        own = newest[newest["event_id"].isin(alone)]
        pairs = set(zip(own["mineral"], own["supplier"], strict=True))
        pairs -= set(zip(others["mineral"], others["supplier"], strict=True))
        lines = size_at(newest, catalog, until)[1] - size_at(others, catalog, until)[1]
        without_day = newest[newest["event_id"].isin(has) & newest["announced_at"].isna()]["event_id"].nunique()
        adds.append(
            {
                "source": source,
                "acts": len(has),
                "alone": len(alone),
                "in_force_alone": in_force_at(own, until)["event_id"].nunique(),
                "lines": lines,
                "pairs": len(pairs),
                "without_day": without_day,
            }
        )
    return {"combinations": dict(combinations.most_common()), "adds": adds}


def claimed_span(bounds: pd.DataFrame) -> dict[str, str]:
    """Give from when until when the table of measures claims to be complete, by bound."""
    own = bounds[bounds["dataset"].eq("measures")]
    return {row.bound: row.bound_at.date().isoformat() for row in own.itertuples()}


def _left_out(store: Store, source: str) -> dict[str, int]:
    path = store.folder / LEFT_OUT.format(source=source)
    if not path.exists():
        return {}
    told = pd.read_csv(path, dtype="str", keep_default_na=False)
    return {str(reason): int(count) for reason, count in told["reason"].value_counts().items()}


def page_text(figures: dict[str, Any], *, code: str) -> str:
    """Give the page as Markdown."""
    head = [
        "# Export measures: what the table covers",
        "",
        f"Written by `oresight measures coverage --out DIR --as-of {figures['as_of']}` after `oresight ingest SOURCE "
        f"FILE` of the sources below; data {figures['data']}; code {code}.",
        "",
    ]
    return "\n".join([*head, *_years(figures), *_kinds(figures), *_sources(figures), *_rules(figures)]) + "\n"


def _years(figures: dict[str, Any]) -> list[str]:
    by_year = {row["year"]: row for row in figures["years"]}
    lines = [
        "## Beside the OECD's count",
        "",
        PUBLISHED,
        "",
        "| year | acts | lines, at most | OECD | lines per OECD measure |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in figures["years"]:
        oecd = f"{row['oecd']:,}" if row["oecd"] else ""
        share = f"{row['lines'] / row['oecd']:.1%}" if row["oecd"] else ""
        lines.append(f"| {row['year']} | {row['acts']} | {row['lines']:,} | {oecd} | {share} |")
    shares = [
        f"{by_year[year]['lines'] / count:.1%} in {year}" for year, count in OECD_COUNTS.items() if year in by_year
    ]
    return [
        *lines,
        "",
        f"**The gap.** The table holds {' and '.join(shares)} of what the OECD counted. {GAP} The OECD follows several "
        f"hundred products, our catalogue {figures['products']}.",
        "",
        "*At most*: an act that names no products is counted on all products of its minerals in the catalogue.",
        "",
    ]


def _kinds(figures: dict[str, Any]) -> list[str]:
    years = [key for key in figures["kinds"][0] if key != "kind"]
    lines = [
        "## By kind",
        "",
        "Acts / lines in force at the end of the year:",
        "",
        f"| kind | {' | '.join(years)} |",
        "|---|" + "---:|" * len(years),
    ]
    lines += [
        f"| {row['kind']} | " + " | ".join(f"{row[year][0]} / {row[year][1]:,}" for year in years) + " |"
        for row in figures["kinds"]
    ]
    last = years[-1]
    total = sum(row[last][1] for row in figures["kinds"]) or 1
    parts = {row["kind"]: row[last][1] / total for row in figures["kinds"]}
    told = ", ".join(f"{kind.replace('_', ' ')} {parts[kind]:.0%}" for kind in SHOWN_KINDS)
    taxes = parts["export_tax"] + parts["licensing"]
    return [
        *lines,
        "",
        f"Of our lines in {last}: {told}. Export taxes and licensing, the OECD's largest kinds, make {taxes:.0%}.",
        "",
    ]


def _sources(figures: dict[str, Any]) -> list[str]:
    lines = [
        "## Who has what",
        "",
        "Acts, tightening and easing, ended ones included, after merging what several sources tell of one act:",
        "",
        "| told by | acts |",
        "|---|---:|",
        *(f"| {names} | {count} |" for names, count in figures["combinations"].items()),
        "",
        "What each source has that no other has:",
        "",
        "| source | acts | nobody else has | of these in force | lines it adds | pairs it adds | acts without a day |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in figures["adds"]:
        cells = [row[name] for name in ("acts", "alone", "in_force_alone", "lines", "pairs", "without_day")]
        lines.append(f"| {row['source']} | " + " | ".join(map(str, cells)) + " |")
    empty = [row["source"] for row in figures["adds"] if not row["acts"]]
    if empty:
        lines += ["", f"Nothing was read from {', '.join(empty)}."]
    lines += ["", "## What was left out", "", "| source | why | entries |", "|---|---|---:|"]
    for source, reasons in figures["left_out"].items():
        lines += [f"| {source} | {reason} | {count:,} |" for reason, count in reasons.items()]
    return [*lines, "", f"Each is listed in `{LEFT_OUT.format(source='SOURCE')}` of the data folder.", ""]


def _rules(figures: dict[str, Any]) -> list[str]:
    span = figures["claimed_span"]
    told = " to ".join(span[bound] for bound in ("from", "until") if bound in span)
    return [
        "## What counts as covered",
        "",
        SPAN.format(told=told),
        "",
        "Two acts are one if supplier and direction are the same, a mineral is common, and days of theirs lie within "
        f"{SAME_KIND_DAYS} days (same kind) or {SAME_GROUP_DAYS} days (kinds of one group); the rule is in "
        "`features/measures.py`.",
    ]
