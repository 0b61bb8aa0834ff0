"""Shared by the customs sources: lines of any layout, checked and summed into rows of `mirror_trade`.

A source's `parse` gives `RAW_COLUMNS`, all text but `row`: what the file says, cell by cell. `harvest` does the rest
in one way for all. What is stored is only lines of a country and of a product that the catalogue uses:

- A *total* is a check sum. Its lines must add up to it, else the file lacks some of what it promises.
- A *bloc* of countries, a *breakdown* and a *confidential* code are counted, never rows.
- A code is left out as a sum when the same file has it in finer codes too: both would count twice.
- A *hidden* line is trade whose figures the office withholds: a row without figures, for a gap is read as zero.
- Weight zero beside a value is unknown, and so is any sum with an unknown part.
- Values in a currency without a known rate are left missing; the weights carry the signal then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from features import datasets
from features.catalog import Catalog
from features.errors import BadInput
from features.sources.spec import Harvest, reject_rows

__all__ = ["COUNTED", "FLOWS", "KINDS", "MASS", "NOTHING", "RAW_COLUMNS", "Office", "harvest", "numbers", "raw_lines"]

# `first` and `last` are months as YYYYMM; `reporter` and `partner` are the publisher's codes or names. In a total,
# an empty cell stands for "all".
RAW_COLUMNS = ["row", "kind", "flow", "first", "last", "reporter", "partner", "hs_code", "value", "quantity", "unit"]
COUNTED = {
    "total": "totals, taken as check sums",
    "bloc": "sums over countries",
    "confidential": "lines of confidential products",
    "breakdown": "lines of another breakdown or flow",
    "hidden": "lines whose figures are withheld",
}
KINDS = ("line", *COUNTED)
FLOWS = {"import": "importer", "export": "supplier"}
# What a unit weighs, and tonnes per unit.
MASS = {"kg": ("gross", 1e-3), "t": ("gross", 1.0), "g": ("gross", 1e-6), "100kg": ("gross", 0.1)}
NOTHING = ("none", float("nan"))
FEWEST_DIGITS, SHORT_FRAC = 4, 0.001
KEY = ["reported_by", "importer", "supplier", "hs_code", "basis", "first_month", "last_month"]
FIGURES = ["value_usd", "quantity_tonnes"]


@dataclass(frozen=True, slots=True)
class Office:
    """How one publisher's lines are to be read.

    `country` gives the ISO code of a place, "" where it is unknown; `outside` are the places that are no country.
    `usd_per_value` is None where no rate is known. `step` is what figures are rounded to. `is_split` tells that one
    flow may stand in several lines (by port or procedure), which are summed; else a second one is an error.
    """

    source: str
    country: Callable[[str], str]
    known_at: Callable[[int, int], dt.datetime]
    units: Mapping[str, tuple[str, float]]
    usd_per_value: float | None
    outside: frozenset[str] = frozenset()
    code_lengths: tuple[int, ...] = tuple(range(2, 12))
    step: float = 1.0
    is_split: bool = False


def raw_lines(table: pd.DataFrame) -> pd.DataFrame:
    """Give a table with some of `RAW_COLUMNS` as a raw table: "line" and empty text where it says nothing."""
    frame = table.reindex(columns=RAW_COLUMNS).reset_index(drop=True).astype("object")
    text = [name for name in RAW_COLUMNS if name != "row"]
    said = frame.where(frame.notna(), "").assign(kind=frame["kind"].where(frame["kind"].notna(), "line"))
    return said.astype(dict.fromkeys(text, "str") | {"row": "int64"})


def numbers(column: pd.Series) -> pd.Series:
    """Read figures with or without thousands separators; what is none becomes NaN."""
    return pd.to_numeric(column.str.replace(",", "").str.strip(), errors="coerce").astype("float64")


def harvest(raw: pd.DataFrame, catalog: Catalog, office: Office, *, file: str, now: dt.datetime) -> Harvest:
    """Turn a raw table into rows of `mirror_trade`; see the module for what is left out.

    Raises:
        BadInput: the lines do not add up to a total of the file.
    """
    countries = {place: office.country(place) for place in {*raw["reporter"], *raw["partner"]} - office.outside}
    home, partner = raw["reporter"].map(countries), raw["partner"].map(countries)
    is_line, is_outside = raw["kind"].isin(("line", "hidden")), raw["partner"].isin(office.outside)
    is_used, is_sum = _is_used(raw["hs_code"], catalog), _is_sum_of_finer(raw["hs_code"])
    is_own = home.eq(partner) & partner.ne("")
    is_ours = is_line & is_used & ~is_sum & ~is_outside & ~is_own
    is_check_sum = raw["kind"].eq("total") & (is_used | raw["hs_code"].eq(""))
    _check_totals(raw[is_line & ~is_sum], raw[is_check_sum], office, file)
    about = raw.assign(home=home, partner_iso=partner, number=numbers(raw["value"]), mass=numbers(raw["quantity"]))
    about = about.assign(start=_months(raw["first"]), end=_months(raw["last"]))
    rejected, is_bad = reject_rows(raw, _checks(about, is_line, is_ours, office, now), file=file)
    counts = {
        "lines of codes that the catalogue does not use": int((is_line & ~is_used).sum()),
        "lines that are sums of finer codes": int((is_line & is_used & is_sum).sum()),
        "lines of places outside the catalogue": int((is_line & is_used & is_outside).sum()),
        "goods that come back": int((is_line & is_used & is_own).sum()),
        **{words: int(raw["kind"].eq(kind).sum()) for kind, words in COUNTED.items()},
    }
    return Harvest({"mirror_trade": _rows(about[is_ours & ~is_bad], office)}, rejected, counts)


def _checks(
    about: pd.DataFrame, is_line: pd.Series, is_ours: pd.Series, office: Office, now: dt.datetime
) -> list[tuple[str, pd.Series, str]]:
    ended = about["end"] + pd.DateOffset(months=1) <= pd.Timestamp(now)
    is_ordered = about["start"].le(about["end"]) & ended
    is_shown = is_ours & about["kind"].ne("hidden")
    unreadable = {
        name: about[name].ne("") & ~about[number].between(0, float("inf"), inclusive="left")
        for name, number in (("value", "number"), ("quantity", "mass"))
    }
    unit = about["unit"].ne("") & ~about["unit"].isin(list(office.units))
    key = ["flow", "home", "partner_iso", "hs_code", "unit", "start", "end"]
    is_twice = about[is_ours].duplicated(key).reindex(about.index, fill_value=False)
    length = about["hs_code"].where(about["hs_code"].str.fullmatch(r"\d+"), "").str.len()
    return [
        ("kind", ~about["kind"].isin(KINDS), "an unknown kind of line"),
        ("hs_code", is_line & ~length.isin(office.code_lengths), "not a product code of this publisher"),
        ("flow", is_ours & ~about["flow"].isin(list(FLOWS)), "neither import nor export"),
        ("first", is_line & about["start"].isna(), "not a month"),
        ("last", is_line & ~is_ordered, f"not a month that has ended by {now.date()}, or before the first"),
        ("reporter", is_ours & about["home"].eq(""), "an unknown reporter"),
        ("partner", is_ours & about["partner_iso"].eq(""), "an unknown country"),
        ("unit", is_ours & unit, "an unknown unit"),
        ("value", is_shown & unreadable["value"], "no readable value, or below zero"),
        ("quantity", is_shown & unreadable["quantity"], "no readable quantity, or below zero"),
        ("value", is_shown & about["number"].isna() & about["mass"].isna(), "neither a value nor a quantity"),
        ("partner", is_twice & (not office.is_split), "the same flow a second time"),
    ]


def _rows(lines: pd.DataFrame, office: Office) -> pd.DataFrame:
    if lines.empty:
        return datasets.empty("mirror_trade")
    by_importer = lines["flow"].eq("import")
    is_hidden = lines["kind"].eq("hidden")
    basis = lines["unit"].map({unit: basis for unit, (basis, _) in office.units.items()}).fillna("none")
    tonnes = lines["mass"] * lines["unit"].map({unit: factor for unit, (_, factor) in office.units.items()})
    rows = pd.DataFrame(
        {
            "reported_by": lines["flow"].map(FLOWS),
            "importer": lines["home"].where(by_importer, lines["partner_iso"]),
            "supplier": lines["partner_iso"].where(by_importer, lines["home"]),
            "hs_code": lines["hs_code"],
            "basis": basis,
            "first_month": lines["start"],
            "last_month": lines["end"],
            "value_usd": (lines["number"] * (office.usd_per_value or float("nan"))).mask(is_hidden),
            "quantity_tonnes": tonnes.mask(is_hidden | (lines["mass"].eq(0) & lines["number"].gt(0))),
        }
    )
    groups = rows.groupby(KEY, sort=True)[FIGURES]
    is_partly_unknown = rows[FIGURES].isna().assign(**rows[KEY]).groupby(KEY, sort=True)[FIGURES].any()
    rows = groups.sum().mask(is_partly_unknown).reset_index()
    known = [office.known_at(last.year, last.month) for last in rows["last_month"]]
    return rows.astype(dict.fromkeys(KEY[:5], "str") | dict.fromkeys(FIGURES, "float64")).assign(
        first_month=rows["first_month"].astype("datetime64[us, UTC]"),
        last_month=rows["last_month"].astype("datetime64[us, UTC]"),
        is_estimated=False,
        available_at=pd.Series(known, index=rows.index, dtype="datetime64[us, UTC]"),
        source=office.source,
        is_retracted=False,
    )


def _months(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column.where(column.str.fullmatch(r"\d{6}")), format="%Y%m", errors="coerce", utc=True)


def _is_used(codes: pd.Series, catalog: Catalog) -> pd.Series:
    used = {code for code in set(codes) if len(code) >= FEWEST_DIGITS and catalog.minerals_of_product(code)}
    return codes.isin(used)


def _is_sum_of_finer(codes: pd.Series) -> pd.Series:
    known = set(codes)
    sums = {code[:digits] for code in known for digits in range(FEWEST_DIGITS, len(code))} & known
    return codes.isin(sums)


def _check_totals(lines: pd.DataFrame, totals: pd.DataFrame, office: Office, file: str) -> None:
    # Totals differ in what they are over: one group per set of filled cells.
    keys = ["flow", "first", "last", "reporter", "partner", "hs_code"]
    for filled in totals[keys].ne("").drop_duplicates().itertuples(index=False):
        by = [name for name, is_filled in zip(keys, filled, strict=True) if is_filled]
        group = totals[totals[keys].ne("").eq(list(filled)).all(axis=1)]
        for what in ("value", "quantity"):
            figure = numbers(lines[what])
            parts = lines[by].assign(figure=figure, gap=figure.isna()).groupby(by)
            sums = parts.agg(figure=("figure", "sum"), lines=("figure", "size"), is_partial=("gap", "any"))
            both = group.assign(total=numbers(group[what])).merge(sums.reset_index(), on=by, how="left")
            both = both.fillna({"figure": 0.0, "lines": 0, "is_partial": False})
            allowed = SHORT_FRAC * both["total"].abs() + office.step * (both["lines"] + 1)
            off = both[(both["total"] - both["figure"]).abs().gt(allowed) & ~both["is_partial"].astype("bool")]
            if not off.empty:
                first = off.iloc[0]
                raise BadInput(
                    where=f"{file}, row {first['row']}, field {what}",
                    expected=f"lines that add up to the total of {first['total']:,.0f}",
                    found=f"{first['figure']:,.0f} in {first['lines']:.0f} lines",
                    remedy="The file is cut off, or a selection of its countries; download all of them.",
                )
