"""Read the catalogue's CSV files and refuse any that is not in order.

`read_tables(folder)` returns the rows of every file as plain text, in file order, after
checking headers, cells, keys, sorting, and what the files say about each other. The first
fault raises `BadInput` with file, row (the header is row 1) and field. Nothing is converted
or repaired here: a wrong cell is for a person to correct.
"""

__all__ = ["CASE_SENSITIVE_KINDS", "lookup_word", "read_name_tables", "read_tables"]

import re
from collections.abc import Container, Mapping
from pathlib import Path

from features.catalog.schema import NAME_TABLES, TABLES, Row
from features.catalog.tables import fail, numbered, read_one_table

Tables = Mapping[str, list[Row]]

# "In" is indium and "in" is not; "US" is a country and "us" is not.
CASE_SENSITIVE_KINDS = frozenset({"symbol", "abbreviation"})


def lookup_word(word: str, kind: str = "name") -> str:
    """Return the form in which a word is compared.

    Underscores, hyphens and runs of blanks count as one blank. Case is dropped, except for
    symbols and abbreviations.
    """
    plain = " ".join(re.sub(r"[\s_‐‑–-]+", " ", word).split())
    return plain if kind in CASE_SENSITIVE_KINDS else plain.casefold()


def _check_references(tables: Tables) -> None:
    targets = {
        "mineral": ("minerals.csv", {row["id"] for row in tables["minerals.csv"]}),
        "iso3": ("countries.csv", {row["iso3"] for row in tables["countries.csv"]}),
    }
    for file, rows in tables.items():
        for field, (target, known) in targets.items():
            if file == target or field not in rows[0]:
                continue
            for number, row in numbered(rows):
                if row[field] and row[field] not in known:
                    expected, remedy = f"a row of {target}", f"Add it to {target} or correct the cell."
                    fail(file, number, field, expected=expected, found=row[field], remedy=remedy)


def _check_minerals(tables: Tables) -> None:
    file, rows = "minerals.csv", tables["minerals.csv"]
    ids, with_codes = {row["id"] for row in rows}, {row["mineral"] for row in tables["hs_codes.csv"]}
    for number, row in numbered(rows):
        parents = row["by_product_of"].split(";") if row["by_product_of"] else []
        for parent in parents:
            if parent not in ids or parent == row["id"]:
                remedy = "Name minerals of this file by their id."
                fail(file, number, "by_product_of", expected="other ids", found=parent, remedy=remedy)
        if bool(row["eol_rir_frac"]) != bool(row["eol_rir_source"]):
            expected, remedy = "a source exactly where there is a rate", "Fill both cells or empty both."
            found = row["eol_rir_source"]
            fail(file, number, "eol_rir_source", expected=expected, found=found, remedy=remedy)
        if row["id"] not in with_codes:
            remedy = "Add its HS codes to hs_codes.csv."
            fail(file, number, "id", expected="an id with an HS code", found=row["id"], remedy=remedy)


def _check_hs_codes(tables: Tables) -> None:
    file, rows = "hs_codes.csv", tables["hs_codes.csv"]
    owners: dict[tuple[str, str], set[str]] = {}
    in_bundle: dict[tuple[str, str], str] = {}
    for row in rows:
        owners.setdefault((row["hs_code"], row["hs_revision"]), set()).add(row["mineral"])
    for number, row in numbered(rows):
        code, purity = (row["hs_code"], row["hs_revision"]), row["purity"]
        if len(owners[code]) > 1 and purity != "basket":
            expected, remedy = "basket, as several minerals have this code", "Mark every row of the code."
            fail(file, number, "purity", expected=expected, found=purity, remedy=remedy)
        if (purity == "basket") != bool(row["basket_of"]):
            expected, remedy = "the other contents of a basket, else nothing", "Match purity and basket_of."
            fail(file, number, "basket_of", expected=expected, found=row["basket_of"], remedy=remedy)
        if row["valid_to_year"] and row["valid_to_year"] < row["valid_from_year"]:
            expected, remedy = f"{row['valid_from_year']} or later", "Correct one of the two years."
            found = row["valid_to_year"]
            fail(file, number, "valid_to_year", expected=expected, found=found, remedy=remedy)
        if in_bundle.setdefault(code, row["in_bundle"]) != row["in_bundle"]:
            expected, remedy = "one value for all rows of the code", "A code is in the extract or it is not."
            fail(file, number, "in_bundle", expected=expected, found=row["in_bundle"], remedy=remedy)
        if row["is_used"] == "false" and not row["note"]:
            remedy = "Write why the code is not used."
            fail(file, number, "note", expected="a reason", found="", remedy=remedy)


def _check_countries(tables: Tables) -> None:
    file, seen = "countries.csv", set[str]()
    for number, row in numbered(tables[file]):
        if bool(row["iso2"]) != (row["is_current"] == "true"):
            expected, remedy = "a code exactly for a current country", "Fill or empty the cell."
            fail(file, number, "iso2", expected=expected, found=row["iso2"], remedy=remedy)
        if row["iso2"] in seen:
            remedy = "Give each country its own code."
            fail(file, number, "iso2", expected="a code used once", found=row["iso2"], remedy=remedy)
        seen.update({row["iso2"]} - {""})


def _check_baci_codes(tables: Tables) -> None:
    file = "baci_country_codes.csv"
    for number, row in numbered(tables[file]):
        if bool(row["iso3"]) != (row["status"] != "ignored"):
            expected, remedy = "a country unless ignored", "Match iso3 and status."
            fail(file, number, "iso3", expected=expected, found=row["iso3"], remedy=remedy)
        if row["status"] != "good" and not row["note"]:
            remedy = "Write why the code is fixed or ignored."
            fail(file, number, "note", expected="a reason", found="", remedy=remedy)


def _check_eu_membership(tables: Tables) -> None:
    file = "eu_membership.csv"
    for number, row in numbered(tables[file]):
        if row["member_to"] and row["member_to"] <= row["member_from"]:
            expected, remedy = f"a date after {row['member_from']}", "Correct one of the two dates."
            fail(file, number, "member_to", expected=expected, found=row["member_to"], remedy=remedy)


def _check_feeds(tables: Tables) -> None:
    # A feed that moved or ended keeps its rows: one per term, of which at most the last is still running.
    file, countries = "feeds.csv", {row["iso3"] for row in tables["countries.csv"]}
    ended: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for number, row in numbered(tables[file]):
        if (row["is_active"] == "true") != (not row["until"]):
            expected, remedy = "a last day exactly for a feed that is no longer read", "Fill or empty the cell."
            fail(file, number, "until", expected=expected, found=row["until"], remedy=remedy)
        if row["until"] and row["until"] <= row["since"]:
            expected, remedy = f"a date after {row['since']}", "Correct one of the two dates."
            fail(file, number, "until", expected=expected, found=row["until"], remedy=remedy)
        if row["id"] in ended and (not ended[row["id"]] or row["since"] < ended[row["id"]]):
            expected = f"a term that begins when the one before has ended ({ended[row['id']] or 'still running'})"
            fail(file, number, "since", expected=expected, found=row["since"], remedy="End the earlier term first.")
        ended[row["id"]] = row["until"]
        if row["is_active"] == "true" and addresses.setdefault(row["address"], row["id"]) != row["id"]:
            expected, remedy = f"an address that is not {addresses[row['address']]}'s", "Keep one of the two."
            fail(file, number, "address", expected=expected, found=row["address"], remedy=remedy)
        for iso3 in filter(None, row["country_focus"].split(";")):
            if iso3 not in countries:
                expected, remedy = "rows of countries.csv", "Correct the code."
                fail(file, number, "country_focus", expected=expected, found=iso3, remedy=remedy)


def _check_price_series(tables: Tables) -> None:
    # A series may speak for several minerals, but it is one series.
    file = "price_series.csv"
    names: dict[tuple[str, str], Row] = {}
    for number, row in numbered(tables[file]):
        first = names.setdefault((row["source"], row["series_id"]), row)
        for field in ("series_name", "unit", "price_group"):
            if row[field] != first[field]:
                expected, remedy = f"{first[field]!r}, as for {first['mineral']}", "Say the same in all its rows."
                fail(file, number, field, expected=expected, found=row[field], remedy=remedy)


def _check_aliases(tables: Tables) -> None:
    file = "mineral_aliases.csv"
    for number, row in numbered(tables[file]):
        if bool(row["script"]) != (row["language"] == "zh"):
            expected, remedy = "a script exactly for Chinese", "Fill or empty the cell."
            fail(file, number, "script", expected=expected, found=row["script"], remedy=remedy)
    owner_of: dict[str, str] = {}
    for number, row in numbered(tables["minerals.csv"]):
        for field in ("id", "name_en", "name_zh_tw"):
            if owner_of.setdefault(lookup_word(row[field]), row["id"]) != row["id"]:
                expected, remedy = "a word that is no other mineral's", "Choose another name."
                fail("minerals.csv", number, field, expected=expected, found=row[field], remedy=remedy)
    _check_one_owner(file, tables[file], "mineral", owner_of)
    for language in ("en", "zh", "ja"):
        # A word may stand for different countries in different languages, as long as each is clear.
        _check_one_owner("country_aliases.csv", tables["country_aliases.csv"], "iso3", {}, language)


def _check_one_owner(
    file: str, rows: list[Row], field: str, owner_of: dict[str, str], language: str | None = None
) -> None:
    for number, row in numbered(rows):
        if language is not None and row["language"] != language:
            continue
        owner = owner_of.setdefault(lookup_word(row["alias"], row["kind"]), row[field])
        if owner != row[field]:
            expected, remedy = f"a word that is not {owner}'s already", "Keep the word for one of the two."
            fail(file, number, "alias", expected=expected, found=row["alias"], remedy=remedy)


def read_tables(folder: Path) -> dict[str, list[Row]]:
    """Read and check every file of a catalogue folder.

    Args:
        folder: the folder with the CSV files named in `TABLES`.

    Returns:
        The rows of each file, keyed by file name; each row maps column name to text, "" when empty.

    Raises:
        BadInput: a file is missing, or a cell, key or reference is wrong; names file, row and field.
    """
    tables: dict[str, list[Row]] = {}
    for table in TABLES:
        tables[table.file] = read_one_table(folder, table)
    _check_references(tables)
    _check_minerals(tables)
    _check_hs_codes(tables)
    _check_countries(tables)
    _check_baci_codes(tables)
    _check_eu_membership(tables)
    _check_feeds(tables)
    _check_price_series(tables)
    _check_aliases(tables)
    return tables


def read_name_tables(folder: Path, minerals: Container[str], countries: Container[str]) -> dict[str, list[Row]]:
    """Read and check the files of names that texts are searched for.

    Args:
        folder: the folder with the CSV files named in `NAME_TABLES`.
        minerals: the ids that a name may stand for.
        countries: the ISO3 codes that a name may stand for.

    Returns:
        The rows of each file, keyed by file name, as `read_tables` does.

    Raises:
        BadInput: a file is missing, or a cell, key or reference is wrong; names file, row and field.
    """
    tables: dict[str, list[Row]] = {}
    for table in NAME_TABLES:
        rows = tables[table.file] = read_one_table(folder, table)
        for number, row in numbered(rows):
            for mineral in (*row.get("minerals", "").split(";"), row.get("mineral", "")):
                if mineral and mineral not in minerals:
                    remedy = "Correct the id."
                    fail(table.file, number, "minerals", expected="ids of minerals.csv", found=mineral, remedy=remedy)
            if row.get("iso3") and row["iso3"] not in countries:
                expected, remedy = "a row of countries.csv", "Correct the code."
                fail(table.file, number, "iso3", expected=expected, found=row["iso3"], remedy=remedy)
    for number, row in numbered(tables["places.csv"]):
        # Only a company may be of many countries: its name then hides the metal words in it.
        if not row["iso3"] and row["kind"] != "company":
            expected, remedy = "a country, except for companies", "Fill the cell."
            fail("places.csv", number, "iso3", expected=expected, found="", remedy=remedy)
    return tables
