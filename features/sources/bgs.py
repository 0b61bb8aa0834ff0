"""BGS World Mineral Statistics: production by country, 1971 on -> `production`.

Payload: the CSV of the survey's OGC API (28 columns, whose order differs from file to file).
bgs_tables.csv says which commodity and sub-commodity speaks for which mineral; one without
a mineral is known and left out, one that is not listed is rejected. Not taken, so that nothing counts twice or in
another unit: gross weights of lithium and rare-earth minerals, smelter copper, refined cobalt
(the catalogue has no such stage), ferro-alloys in mixed classes, other platinum metals.

What a figure says:

- Every cell is text, so that Namibia's code `NA` stays a code.
- Nil ("nothing produced") is a zero; "more than 0 but less than 0.5" is a zero marked as
  estimated; "figures not available" gives no row.
- Footnote `*` (Estimates) sets `is_estimated`. Years "ended 31 March following" and the
  like stay under the year that the publisher names.
- Lithium is taken by its content, which starts in 2012. Hydroxide is made of the same
  country's carbonate or spodumene, so its content is not added. Chile's contents of 2012 and
  2013 are a fifth of what its carbonate weighs; such a country and year is withheld whole.
- States that ended are left out (`HISTORIC`); those that were only renamed keep their code (`RENAMED`).

One download is one vintage: the survey revises up to five years back, and that is not seen.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import pandas as pd

from features.catalog import Catalog
from features.knowledge_time import Lag
from features.sources.spec import Harvest, Request, SourceSpec, moment_of_years, read_table, reject_rows

__all__ = ["FILES", "SPEC", "follow", "harmonise", "parse", "requests"]

SPEC = SourceSpec(
    name="bgs",
    title="World Mineral Statistics",
    publisher="British Geological Survey",
    address="https://www.bgs.ac.uk/mineralsuk/statistics/world-mineral-statistics/",
    licence="Open Government Licence v3.0",
    citation="Contains British Geological Survey materials © UKRI; World Mineral Statistics",
    cadence="yearly, spring",
    lag=Lag(years=2, month=5, day=1),
    lag_rule="year t is available on 1 May of t+2",
    fills=("production",),
    takes="the API's CSV of one or more commodities, 28 columns",
    may_redistribute=True,
    endpoint="https://ogcapi.bgs.ac.uk/collections/world-mineral-statistics/items",
    hosts=("ogcapi.bgs.ac.uk",),
)
FILES = ("BGS_*_production*.csv",)

TABLES_FILE = Path(__file__).with_name("bgs_tables.csv")
PAGE_ROWS = 5000
COLUMNS = (
    *("x", "y", "country_iso3_code", "country_iso2_code", "country_trans", "erml_group", "erml_commodity"),
    *("erml_sub_commodity", "sdmx_translation", "sdmx_code", "pole_of_inaccessibility_longitude"),
    *("pole_of_inaccessibility_latitude", "units", "year", "concat_table_notes_code", "concat_table_notes_text"),
    *("concat_figure_notes_code", "concat_figure_notes_text", "yearbook_table_id", "yearbook_table_trans"),
    *("cgi_commodity_url", "quantity", "quantity_in_book_style", "bgs_commodity_code", "bgs_statistic_type_trans"),
    *("bgs_commodity_trans", "bgs_sub_commodity_trans", "data_precision_description"),
)
HISTORIC = (
    "Czechoslovakia",
    "German Democratic Rep",
    "German Federal Republic",
    "Serbia and Montenegro",
    "Soviet Union",
    "Yugoslavia",
)
# The publisher's codes that are none of ISO 3166, missing, or another country's.
RENAMED = {"Congo": "COG", "Kosovo": "XKX", "Rhodesia": "ZWE", "Zaire": "COD"}
TONNES_PER_UNIT = {"tonnes (metric)": 1.0, "tonnes (metal content)": 1.0, "kilograms (metal content)": 0.001}
NIL, UNDER_HALF, UNAVAILABLE = (
    "Nil (nothing produced)",
    "Quantity is more than 0 but less than 0.5",
    "Figures not available",
)
FIRST_LITHIUM_YEAR = 2012  # before it only some countries have a content
LITHIUM_IN_CARBONATE = 0.1879  # Li2CO3: 2 x 6.94 of 73.89
HYDROXIDE, CARBONATE = "Lithium minerals (hydroxide)", "Carbonate"
CONTENT, CONTENT_OF_CARBONATE = "Lithium minerals (Li content)", "Lithium minerals (Carbonate -Li content)"


def _read_tables() -> Mapping[tuple[str, str], str]:
    with TABLES_FILE.open(encoding="utf-8", newline="") as file:
        return MappingProxyType(
            {(row["commodity"], row["sub_commodity"]): row["mineral"] for row in csv.DictReader(file)}
        )


TABLES = _read_tables()


def requests(endpoint: str, *, now: dt.datetime, key: str | None) -> list[Request]:
    """Ask for each commodity that fills a mineral, in pages of `PAGE_ROWS`; `follow` asks for the next page."""
    wanted = sorted({commodity for (commodity, _), mineral in TABLES.items() if mineral})
    return [Request(_page(endpoint, commodity, 0), _file_name(commodity, 0)) for commodity in wanted]


def follow(request: Request, path: Path) -> list[Request]:
    """Ask for the page after a full one: the service cuts at its limit without a word."""
    if len(parse(path)) < PAGE_ROWS:
        return []
    head, _, offset = request.address.partition("&offset=")
    next_offset = int(offset) + PAGE_ROWS
    stem = request.name.rpartition("_production")[0]
    return [Request(f"{head}&offset={next_offset}", f"{stem}_production_{next_offset}.csv")]


def _page(endpoint: str, commodity: str, offset: int) -> str:
    what = f"bgs_commodity_trans={quote(commodity)}&bgs_statistic_type_trans=Production"
    return f"{endpoint}?f=csv&{what}&limit={PAGE_ROWS}&offset={offset}"


def _file_name(commodity: str, offset: int) -> str:
    name = "".join(letter if letter.isalnum() else "_" for letter in commodity)
    return f"BGS_{name}_production_{offset}.csv"


def parse(path: Path) -> pd.DataFrame:
    """Read a payload as text with a `row` column; `year` and `quantity` become numbers, unreadable ones NaN."""
    raw = read_table(path, [COLUMNS])
    return raw.assign(
        year=pd.to_numeric(raw["year"].str.slice(0, 4), errors="coerce"),
        quantity=pd.to_numeric(raw["quantity"], errors="coerce"),
    )


def harmonise(raw: pd.DataFrame, catalog: Catalog, *, file: str, lag: Lag, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `production`; see the module for what is left out and withheld."""
    keys = zip(raw["bgs_commodity_trans"], raw["bgs_sub_commodity_trans"], strict=True)
    mineral = pd.Series([TABLES.get(key, "?") for key in keys], index=raw.index, dtype="str")
    supplier = raw["country_trans"].map(RENAMED).fillna(raw["country_iso3_code"])
    is_known_country = supplier.isin({code for code, country in catalog.countries.items() if country.is_current})
    is_historic = raw["country_trans"].isin(HISTORIC)
    is_ours = mineral.ne("") & ~is_historic
    is_unavailable = raw["data_precision_description"].eq(UNAVAILABLE)
    is_production = raw["bgs_statistic_type_trans"].eq("Production")
    rows = raw.assign(mineral=mineral, supplier=supplier, tonnes=raw["quantity"] * raw["units"].map(TONNES_PER_UNIT))
    checks = (
        ("bgs_statistic_type_trans", ~is_production, "not a figure of production"),
        ("bgs_commodity_trans", mineral.eq("?"), "a commodity and sub-commodity that bgs_tables.csv does not list"),
        ("country_trans", is_ours & ~is_known_country, "an unknown country"),
        ("year", raw["year"].isna() | (raw["year"] >= now.year), f"not a year that has ended by {now.date()}"),
        ("units", is_ours & ~raw["units"].isin(TONNES_PER_UNIT), "a unit without a conversion to tonnes"),
        ("data_precision_description", ~_is_known_precision(raw), "an unknown sign for the figure"),
        ("quantity", is_ours & ~is_unavailable & ~_is_figure(raw["quantity"]), "no readable quantity, or below zero"),
        ("bgs_sub_commodity_trans", is_ours & _is_part_of_total(rows), "a part beside its total: it would count twice"),
    )
    rejected, is_bad = reject_rows(raw, checks, file=file)
    is_early = mineral.eq("lithium") & (raw["year"] < FIRST_LITHIUM_YEAR)
    is_hydroxide, is_withheld = _is_made_of_own_ore(rows), _is_too_light(rows)
    known = rows[is_ours & ~is_bad & ~is_unavailable & ~is_early & ~is_hydroxide & ~is_withheld]
    counts = {
        "figures of other commodities": int((mineral.eq("") | is_early).sum()),
        "figures of states that ended": int((mineral.ne("") & is_historic).sum()),
        "figures not available": int((is_ours & is_unavailable).sum()),
        "lithium hydroxides made of the country's own ore": int((is_ours & is_hydroxide).sum()),
        "lithium figures withheld, as content and weight contradict each other": int((is_ours & is_withheld).sum()),
    }
    return Harvest({"production": _facts(known, lag)}, rejected, counts)


def _is_known_precision(raw: pd.DataFrame) -> pd.Series:
    return raw["data_precision_description"].isin(("", NIL, UNDER_HALF, UNAVAILABLE))


def _is_figure(quantity: pd.Series) -> pd.Series:
    return quantity.between(0, float("inf"), inclusive="left")


def _is_part_of_total(rows: pd.DataFrame) -> pd.Series:
    # Where a mineral has a figure without a sub-commodity, that is the whole. The lithium classes are all parts.
    key = ["mineral", "supplier", "year"]
    is_whole = rows["bgs_sub_commodity_trans"].eq("") & rows["mineral"].ne("")
    wholes = pd.MultiIndex.from_frame(rows.loc[is_whole, key])
    return pd.Series(pd.MultiIndex.from_frame(rows[key]).isin(wholes), index=rows.index) & ~is_whole


def _is_made_of_own_ore(rows: pd.DataFrame) -> pd.Series:
    key = ["supplier", "year"]
    makes = pd.MultiIndex.from_frame(rows.loc[rows["bgs_sub_commodity_trans"].eq(HYDROXIDE), key])
    return rows["bgs_sub_commodity_trans"].eq(CONTENT) & pd.MultiIndex.from_frame(rows[key]).isin(makes)


def _is_too_light(rows: pd.DataFrame) -> pd.Series:
    # A content under half of what the weight of the carbonate holds is no content: the country's year is withheld.
    key = ["supplier", "year"]
    weight = rows[rows["bgs_sub_commodity_trans"].eq(CARBONATE)].groupby(key)["quantity"].sum()
    content = rows[rows["bgs_sub_commodity_trans"].eq(CONTENT_OF_CARBONATE)].groupby(key)["quantity"].sum()
    both = pd.DataFrame({"weight": weight, "content": content}).dropna()
    wrong = both.index[both["content"] < 0.5 * LITHIUM_IN_CARBONATE * both["weight"]]
    return rows["mineral"].eq("lithium") & pd.MultiIndex.from_frame(rows[key]).isin(wrong)


def _facts(known: pd.DataFrame, lag: Lag) -> pd.DataFrame:
    is_estimated = known["concat_figure_notes_text"].str.contains("Estimate", regex=False)
    known = known.assign(is_estimated=is_estimated | known["data_precision_description"].eq(UNDER_HALF))
    key = ["year", "mineral", "supplier"]
    facts = known.groupby(key, as_index=False).agg(
        quantity_tonnes=("tonnes", "sum"), is_estimated=("is_estimated", "any")
    )
    return facts.assign(
        year=facts["year"].astype("int16"),
        mineral=facts["mineral"].astype("str"),
        supplier=facts["supplier"].astype("str"),
        is_estimated=facts["is_estimated"].astype("bool"),
        available_at=moment_of_years(facts["year"], lag),
        source=SPEC.name,
        is_retracted=False,
    )
