"""The packaged catalogue is complete and right, and a broken copy of it is refused."""

import csv
import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

from features.catalog import Catalog, load_catalog, read_catalog
from features.catalog.checks import lookup_word
from features.catalog.schema import TABLES
from features.errors import BadInput, UnknownCode

FOLDER = Path(__file__).parents[3] / "features" / "catalog"

PROMISED_IDS = """aluminium antimony arsenic baryte bauxite beryllium bismuth boron cadmium chromium
cobalt coking_coal copper feldspar fluorspar gallium germanium gold graphite hafnium helium indium iron
kaolin lead lithium magnesite magnesium manganese mercury molybdenum nickel niobium palladium phosphate
platinum potash rare_earths rhodium selenium silicon silver sulfur tantalum tellurium tin titanium tungsten
uranium vanadium zinc zirconium"""

BUNDLE_MINERALS = """aluminium antimony arsenic asbestos baryte bauxite bentonite beryllium bismuth boron
cadmium chromium cobalt coking_coal copper diatomite feldspar fluorspar germanium gold graphite gypsum iron
kaolin lead lithium magnesite manganese mercury molybdenum nickel niobium palladium phosphate platinum
rare_earths rhodium selenium silver sulfur tantalum tellurium tin titanium tungsten uranium vanadium zinc
zirconium"""

Change = Callable[[list[dict[str, str]]], None]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in FOLDER.glob("*.csv"):
        shutil.copy(path, tmp_path)
    return tmp_path


def rewrite(folder: Path, file: str, change: Change) -> None:
    path = folder / file
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        names, rows = list(reader.fieldnames or []), list(reader)
    change(rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def row_of(rows: list[dict[str, str]], **cells: str) -> dict[str, str]:
    (row,) = (row for row in rows if all(row[name] == value for name, value in cells.items()))
    return row


def number_of(folder: Path, file: str, **cells: str) -> int:
    with (folder / file).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return rows.index(row_of(rows, **cells)) + 2


# --- what is in it -------------------------------------------------------------------------------


@pytest.mark.parametrize("mineral", PROMISED_IDS.split())
def test_every_promised_mineral_is_there(catalog: Catalog, mineral: str) -> None:
    assert catalog.mineral(mineral).stage in ("extraction", "processing")


def test_minerals_with_embedded_trade(catalog: Catalog) -> None:
    codes = catalog.used_hs_codes()
    assert sorted(codes.loc[codes["in_bundle"], "mineral"].unique()) == sorted(BUNDLE_MINERALS.split())


@pytest.mark.parametrize(
    ("list_id", "year", "count"),
    [
        ("eu_critical", 2023, 34),
        ("eu_strategic", 2023, 17),
        ("us_critical", 2022, 50),
        ("us_critical", 2025, 60),
        ("japan_stockpile", 1983, 7),
    ],
)
def test_policy_list_has_its_published_number_of_entries(catalog: Catalog, list_id: str, year: int, count: int) -> None:
    entries = {
        entry.entry_name
        for mineral in catalog.minerals
        for entry in catalog.lists_of(mineral)
        if (entry.list_id, entry.list_year) == (list_id, year)
    }
    assert len(entries) == count


def test_every_strategic_mineral_of_the_union_is_critical(catalog: Catalog) -> None:
    lists = {mineral: {entry.list_id for entry in catalog.lists_of(mineral)} for mineral in catalog.minerals}
    strategic = {mineral for mineral, ids in lists.items() if "eu_strategic" in ids}
    only_as_magnets = {"rare_earth_magnets"}  # named by the entry "rare earth elements for permanent magnets"
    assert strategic - only_as_magnets <= {mineral for mineral, ids in lists.items() if "eu_critical" in ids}


def test_one_entry_may_cover_several_minerals(catalog: Catalog) -> None:
    covered = {
        mineral
        for mineral in catalog.minerals
        if "platinum group metals" in {entry.entry_name for entry in catalog.lists_of(mineral)}
    }
    assert covered == {"iridium", "palladium", "platinum", "rhodium", "ruthenium"}


def test_mineral_on_no_list_has_no_entries(catalog: Catalog) -> None:
    assert catalog.lists_of("gypsum") == ()


def test_japanese_stockpile_began_with_seven_metals(catalog: Catalog) -> None:
    names = {e.entry_name for m in catalog.minerals for e in catalog.lists_of(m) if e.list_id.startswith("japan")}
    assert names == {"nickel", "chromium", "tungsten", "cobalt", "molybdenum", "manganese", "vanadium"}


def test_every_mineral_has_names_and_two_aliases_in_english_and_chinese(catalog: Catalog) -> None:
    aliases = catalog.aliases
    counts = aliases.groupby(["mineral", "language"]).size().unstack(fill_value=0)
    assert set(counts.index) == set(catalog.minerals)
    assert (counts[["en", "zh"]] >= 2).all(axis=None)
    assert all(mineral.name_en and mineral.name_zh_tw for mineral in catalog.minerals.values())


def test_every_mineral_has_a_word_in_both_chinese_scripts(catalog: Catalog) -> None:
    chinese = catalog.aliases.query("language == 'zh'")
    for script in ("hant", "hans"):
        found = set(chinese.loc[chinese["script"].isin([script, "both"]), "mineral"])
        assert found == set(catalog.minerals), script


def test_recycling_rates_are_fractions_or_unknown(catalog: Catalog) -> None:
    assert catalog.mineral("lead").eol_rir_frac == 0.83
    assert catalog.mineral("lithium").eol_rir_frac == 0.0
    assert catalog.mineral("hafnium").eol_rir_frac is None


# --- HS codes ------------------------------------------------------------------------------------


def test_hs_codes_are_six_characters(catalog: Catalog) -> None:
    assert catalog.hs_codes["hs_code"].str.fullmatch(r"\d{6}").all()


def test_code_of_two_minerals_is_a_basket(catalog: Catalog) -> None:
    codes = catalog.hs_codes
    owners = codes.groupby("hs_code")["mineral"].transform("nunique")
    assert (owners > 1).sum() > 10
    assert set(codes.loc[owners > 1, "purity"]) == {"basket"}


def test_germanium_ends_where_its_figures_are_last_complete(catalog: Catalog) -> None:
    row = catalog.hs_codes.query("mineral == 'germanium' and hs_code == '811230'").iloc[0]
    assert (row["valid_to_year"], row["is_used"]) == (2006, True)


@pytest.mark.parametrize("code", ["283030", "250390"])
def test_code_that_ends_midway_is_not_used(catalog: Catalog, code: str) -> None:
    assert code in set(catalog.hs_codes["hs_code"])
    assert code not in set(catalog.used_hs_codes()["hs_code"])


def test_ore_tonnes_do_not_drown_gold(catalog: Catalog) -> None:
    used = catalog.used_hs_codes()
    assert list(used.loc[used["mineral"] == "gold", "hs_code"]) == ["710812"]


def test_minerals_of_a_basket(catalog: Catalog) -> None:
    assert catalog.minerals_of_hs("811292") == ("gallium", "germanium", "hafnium", "indium", "rhenium")
    assert catalog.minerals_of_hs("760110") == ("aluminium",)


def test_code_is_marked_as_embedded_exactly_when_the_extract_has_it(catalog: Catalog) -> None:
    extract = pyarrow.parquet.read_table(FOLDER.parent / "bundle" / "baci.parquet", columns=["k"])
    embedded = {f"{code:06d}" for code in extract["k"].unique().to_pylist()}
    codes = catalog.hs_codes
    assert set(codes.loc[codes["in_bundle"], "hs_code"]) <= embedded
    assert embedded.isdisjoint(codes.loc[~codes["in_bundle"], "hs_code"])


def test_extract_is_in_terms_of_hs92(catalog: Catalog) -> None:
    codes = catalog.hs_codes
    assert set(codes.loc[codes["in_bundle"], "hs_revision"]) == {"HS92"}


# --- countries -----------------------------------------------------------------------------------


def test_all_baci_codes_are_classified(catalog: Catalog) -> None:
    codes = catalog.baci_codes
    assert len(codes) == 238
    assert codes["baci_code"].is_unique
    assert set(codes["status"]) == {"good", "fixed", "ignored"}


@pytest.mark.parametrize(
    ("code", "iso3"),
    [
        (490, "TWN"),
        (251, "FRA"),
        (842, "USA"),
        (757, "CHE"),
        (699, "IND"),
        (579, "NOR"),
        (58, "BEL"),
        (711, "ZAF"),
        (736, "SDN"),
        (729, "SDN"),
        (891, "SCG"),
        (280, "DEU"),
        (156, "CHN"),
        (516, "NAM"),
        (697, None),
        (849, None),
    ],
)
def test_baci_code_stands_for_this_country(catalog: Catalog, code: int, iso3: str | None) -> None:
    assert catalog.iso3_of_baci(code) == iso3


def test_every_country_code_of_the_extract_is_classified(catalog: Catalog) -> None:
    extract = pyarrow.parquet.read_table(FOLDER.parent / "bundle" / "baci.parquet", columns=["i", "j"])
    for column in ("i", "j"):
        for code in extract[column].unique().to_pylist():
            catalog.iso3_of_baci(code)


def test_taiwan_is_a_fixed_code_with_a_reason(catalog: Catalog) -> None:
    row = catalog.baci_codes.query("baci_code == 490").iloc[0]
    assert row["status"] == "fixed"
    assert "Taiwan" in row["note"]


def test_ignored_codes_have_no_country_and_all_others_a_known_one(catalog: Catalog) -> None:
    codes = catalog.baci_codes
    is_ignored = codes["status"] == "ignored"
    assert set(codes.loc[is_ignored, "iso3"]) == {""}
    assert set(codes.loc[~is_ignored, "iso3"]) <= set(catalog.countries)


def test_names_are_not_garbled(catalog: Catalog) -> None:
    assert catalog.country("CIV").name_en == "Côte d'Ivoire"
    assert catalog.country("TWN").name_zh_tw == "臺灣"
    assert not [c for c in catalog.countries.values() if "Ã" in c.name_en + c.name_zh_tw]


def test_historic_country_is_not_current(catalog: Catalog) -> None:
    assert not catalog.country("SCG").is_current
    assert catalog.country("SRB").is_current


def test_every_country_has_a_name_in_english_and_chinese_text(catalog: Catalog) -> None:
    aliases = catalog.country_aliases
    for language in ("en", "zh"):
        assert set(aliases.loc[aliases["language"] == language, "iso3"]) == set(catalog.countries)


@pytest.mark.parametrize(
    ("iso3", "day", "expected"),
    [
        ("GBR", "2020-01-31", True),
        ("GBR", "2020-02-01", False),
        ("HRV", "2013-06-30", False),
        ("HRV", "2013-07-01", True),
        ("DEU", "2024-05-23", True),
        ("CHE", "2024-05-23", False),
    ],
)
def test_membership_of_the_union(catalog: Catalog, iso3: str, day: str, expected: bool) -> None:
    assert catalog.is_eu_member(iso3, dt.date.fromisoformat(day)) is expected


def test_the_union_has_twenty_seven_members(catalog: Catalog) -> None:
    day = dt.date(2024, 1, 1)
    assert sum(catalog.is_eu_member(iso3, day) for iso3 in catalog.countries) == 27


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "mineral"),
    [
        ("iron_ore", "iron"),
        ("borates", "boron"),
        ("rare_earths", "rare_earths"),
        ("Coking-Coal", "coking_coal"),
        ("aluminum", "aluminium"),
        ("barite", "baryte"),
        ("In", "indium"),
        ("鍺", "germanium"),
        ("锗", "germanium"),
        ("多晶硅", "silicon"),
        ("レアアース", "rare_earths"),
        ("NdFeB", "rare_earth_magnets"),
    ],
)
def test_word_names_a_mineral(catalog: Catalog, word: str, mineral: str) -> None:
    assert catalog.mineral_of_word(word) == mineral


@pytest.mark.parametrize("word", ["in", "as", "wheat", ""])
def test_word_that_is_no_mineral_raises(catalog: Catalog, word: str) -> None:
    with pytest.raises(UnknownCode, match=r"mineral_aliases\.csv"):
        catalog.mineral_of_word(word)


def test_every_alias_leads_back_to_its_mineral(catalog: Catalog) -> None:
    rows = catalog.aliases
    found = [catalog.mineral_of_word(alias) for alias in rows["alias"]]
    assert found == list(rows["mineral"])


@pytest.mark.parametrize(
    ("word", "kind", "form"),
    [
        ("  Rare-Earth  Oxides", "name", "rare earth oxides"),
        ("iron_ore", "name", "iron ore"),
        ("REO", "abbreviation", "REO"),
        ("NdFeB", "symbol", "NdFeB"),
    ],
)
def test_form_in_which_words_are_compared(word: str, kind: str, form: str) -> None:
    assert lookup_word(word, kind) == form


# --- prices --------------------------------------------------------------------------------------


def test_price_of_a_refined_metal_is_only_a_proxy_for_its_ore(catalog: Catalog) -> None:
    series = catalog.price_series.query("series_id == 'COPPER'").set_index("mineral")["is_proxy"]
    assert series.to_dict() == {"copper": True, "refined_copper": False}


def test_one_series_has_one_unit(catalog: Catalog) -> None:
    assert catalog.price_series.groupby(["source", "series_id"])["unit"].nunique().eq(1).all()


# --- unknown codes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "file", "shown"),
    [
        (lambda c: c.mineral("unobtainium"), "minerals.csv", "'unobtainium'"),
        (lambda c: c.lists_of("unobtainium"), "minerals.csv", "'unobtainium'"),
        (lambda c: c.country("XXX"), "countries.csv", "'XXX'"),
        (lambda c: c.is_eu_member("XXX", dt.date(2020, 1, 1)), "countries.csv", "'XXX'"),
        (lambda c: c.iso3_of_baci(999), "baci_country_codes.csv", "999"),
        (lambda c: c.minerals_of_hs("010121"), "hs_codes.csv", "'010121'"),
    ],
)
def test_unknown_code_raises_with_file_and_remedy(
    catalog: Catalog, ask: Callable[[Catalog], object], file: str, shown: str
) -> None:
    with pytest.raises(UnknownCode) as caught:
        ask(catalog)
    assert caught.value.where == f"features/catalog/{file}"
    assert shown in str(caught.value)
    assert f"Add it to features/catalog/{file}" in caught.value.remedy


# --- the loader ----------------------------------------------------------------------------------


def test_catalogue_is_loaded_once() -> None:
    assert load_catalog() is load_catalog()


def test_caller_cannot_change_the_catalogue(catalog: Catalog) -> None:
    frame = catalog.hs_codes
    frame["is_used"] = False
    assert catalog.hs_codes["is_used"].any()
    with pytest.raises(TypeError):
        catalog.minerals["copper"] = catalog.minerals["gold"]  # type: ignore[index]


def test_good_copy_is_accepted(copy: Path) -> None:
    assert read_catalog(copy).minerals == load_catalog().minerals


CELLS = [
    ("minerals.csv", {"id": "tin"}, {"stage": "mining"}, "stage"),
    ("minerals.csv", {"id": "tin"}, {"stage": ""}, "stage"),
    ("minerals.csv", {"id": "tin"}, {"name_zh_tw": ""}, "name_zh_tw"),
    ("minerals.csv", {"id": "tin"}, {"eol_rir_frac": "31"}, "eol_rir_frac"),
    ("minerals.csv", {"id": "tin"}, {"eol_rir_source": ""}, "eol_rir_source"),
    ("minerals.csv", {"id": "cobalt"}, {"by_product_of": "copper;nickle"}, "by_product_of"),
    ("minerals.csv", {"id": "tin"}, {"name_en": "Copper"}, "name_en"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"hs_code": "26090"}, "hs_code"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"hs_revision": "HS93"}, "hs_revision"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"purity": "pure"}, "purity"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"purity": "basket"}, "basket_of"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"basket_of": "lead"}, "basket_of"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"valid_from_year": "95"}, "valid_from_year"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"valid_to_year": "1994"}, "valid_to_year"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"is_used": "False"}, "is_used"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"is_used": "false", "note": ""}, "note"),
    ("hs_codes.csv", {"hs_code": "260900"}, {"mineral": "tinn"}, "mineral"),
    (
        "hs_codes.csv",
        {"mineral": "indium", "hs_code": "811291"},
        {"purity": "single", "basket_of": ""},
        "purity",
    ),
    ("hs_codes.csv", {"mineral": "rare_earths", "hs_code": "280530"}, {"in_bundle": "false"}, "in_bundle"),
    ("countries.csv", {"iso3": "CHN"}, {"iso2": "CL"}, "iso2"),
    ("countries.csv", {"iso3": "CHL"}, {"iso2": ""}, "iso2"),
    ("countries.csv", {"iso3": "CHL"}, {"is_current": "yes"}, "is_current"),
    ("baci_country_codes.csv", {"baci_code": "490"}, {"iso3": "S19"}, "iso3"),
    ("baci_country_codes.csv", {"baci_code": "490"}, {"iso3": "XYZ"}, "iso3"),
    ("baci_country_codes.csv", {"baci_code": "490"}, {"status": "ignored"}, "iso3"),
    ("baci_country_codes.csv", {"baci_code": "697"}, {"status": "good"}, "iso3"),
    ("baci_country_codes.csv", {"baci_code": "490"}, {"note": ""}, "note"),
    ("baci_country_codes.csv", {"baci_code": "490"}, {"baci_code": "0490"}, "baci_code"),
    (
        "mineral_lists.csv",
        {"list_id": "japan_stockpile", "mineral": "cobalt"},
        {"mineral": "kobalt"},
        "mineral",
    ),
    (
        "mineral_lists.csv",
        {"list_id": "japan_stockpile", "mineral": "cobalt"},
        {"valid_from": "1983"},
        "valid_from",
    ),
    ("technologies.csv", {"mineral": "helium"}, {"technology": "balloons"}, "technology"),
    ("price_series.csv", {"series_id": "PCOBA"}, {"unit": "$/mt"}, "unit"),
    ("price_series.csv", {"series_id": "PCOBA"}, {"series_id": ""}, "series_id"),
    ("price_series.csv", {"mineral": "refined_copper", "series_id": "PCOPP"}, {"unit": "usd_per_pound"}, "unit"),
    ("price_series.csv", {"mineral": "refined_copper", "series_id": "PCOPP"}, {"price_group": "minor"}, "price_group"),
    ("price_series.csv", {"series_id": "PCOBA"}, {"source": "lme"}, "source"),
    ("mineral_aliases.csv", {"alias": "鍺"}, {"script": ""}, "script"),
    ("mineral_aliases.csv", {"alias": "tin ingot"}, {"kind": "nickname"}, "kind"),
    ("mineral_aliases.csv", {"alias": "tin ingot"}, {"alias": "tin  ingot "}, "alias"),
    ("country_aliases.csv", {"alias": "辛巴威"}, {"iso3": "ZZZ"}, "iso3"),
    ("eu_membership.csv", {"iso3": "GBR"}, {"member_to": "1972-12-31"}, "member_to"),
    ("eu_membership.csv", {"iso3": "GBR"}, {"member_to": "2020-02-30"}, "member_to"),
    ("feeds.csv", {"id": "tass"}, {"address": "http://tass.com/rss/v2.xml"}, "address"),
    ("feeds.csv", {"id": "tass"}, {"address": "https://www.mining.com/feed/"}, "address"),
    ("feeds.csv", {"id": "tass"}, {"language": "english"}, "language"),
    ("feeds.csv", {"id": "tass"}, {"country_focus": "RUS;XXX"}, "country_focus"),
    ("feeds.csv", {"id": "tass"}, {"publisher_kind": "blog"}, "publisher_kind"),
    ("feeds.csv", {"id": "tass"}, {"licence_note": ""}, "licence_note"),
    ("feeds.csv", {"id": "tass"}, {"is_active": "false"}, "until"),
    ("feeds.csv", {"id": "tass"}, {"is_active": "false", "until": "2020-01-01"}, "until"),
    ("feeds.csv", {"id": "tass"}, {"seen_live": "perhaps"}, "seen_live"),
]


FEED_LANGUAGES = {"en": 30, "zh": 5, "es": 5, "fr": 5, "id": 5, "pt": 3, "ja": 1, "ko": 1}
FEED_KINDS = ("trade_press", "commodity_desk", "government", "news_agency", "newspaper", "logistics", "disaster")
FEED_FOCUS = ("CHN", "IDN", "COD", "CHL", "USA", "JPN", "TWN", "ZMB", "ZAF", "KAZ", "BRA", "PER")


def test_feeds_speak_the_languages_and_come_from_the_desks_that_were_promised(catalog: Catalog) -> None:
    feeds = catalog.feeds
    active = feeds[feeds["is_active"]]
    assert len(active) >= 60
    spoken = active["language"].value_counts()
    assert all(spoken[language] >= least for language, least in FEED_LANGUAGES.items())
    assert set(active["publisher_kind"]) == set(FEED_KINDS)
    focus = set(";".join(active["country_focus"]).split(";"))
    assert set(FEED_FOCUS) <= focus
    government = active[active["publisher_kind"].eq("government")]
    assert set(";".join(government["country_focus"]).split(";")) >= {"CHN", "IDN", "CHL", "USA", "JPN", "TWN"}


def test_a_feed_that_moved_keeps_its_earlier_term(copy: Path) -> None:
    def move(rows: list[dict[str, str]]) -> None:
        old = row_of(rows, id="tass")
        new = old | {"address": "https://tass.com/new.xml", "since": "2027-01-01"}
        old.update(is_active="false", until="2027-01-01")
        rows.insert(rows.index(old) + 1, new)

    rewrite(copy, "feeds.csv", move)
    terms = read_catalog(copy).feeds.query("id == 'tass'")
    assert terms["is_active"].tolist() == [False, True]
    rewrite(copy, "feeds.csv", lambda rows: row_of(rows, id="tass", is_active="false").update(until="2027-02-01"))
    with pytest.raises(BadInput, match="since: expected a term that begins when the one before has ended"):
        read_catalog(copy)


@pytest.mark.parametrize(("file", "cells", "change", "field"), CELLS)
def test_broken_cell_is_refused_with_file_row_and_field_until_repaired(
    copy: Path, file: str, cells: dict[str, str], change: dict[str, str], field: str
) -> None:
    number = number_of(copy, file, **cells)
    rewrite(copy, file, lambda rows: row_of(rows, **cells).update(change))
    with pytest.raises(BadInput) as caught:
        read_catalog(copy)
    assert caught.value.where == f"features/catalog/{file}, row {number}, {field}"
    assert caught.value.remedy
    shutil.copy(FOLDER / file, copy)
    read_catalog(copy)


def test_word_of_one_mineral_is_refused_for_another(copy: Path) -> None:
    number = number_of(copy, "mineral_aliases.csv", mineral="zinc", alias="Zn")
    alias = {"mineral": "zinc", "language": "en", "script": "", "alias": "Tin-Ore", "kind": "name"}
    rewrite(copy, "mineral_aliases.csv", lambda rows: rows.insert(number - 2, alias))
    with pytest.raises(BadInput, match=rf"row {number}, alias: expected a word that is not tin's already"):
        read_catalog(copy)
    rewrite(copy, "mineral_aliases.csv", lambda rows: rows[number - 2].update(alias="TIN", kind="symbol"))
    read_catalog(copy)  # symbols keep their case, so "TIN" is not "tin"


def test_word_of_one_country_is_refused_for_another_in_the_same_language(copy: Path) -> None:
    number = number_of(copy, "country_aliases.csv", iso3="AUS", alias="Canberra")
    rewrite(copy, "country_aliases.csv", lambda rows: rows[number - 2].update(alias="CHINA"))
    with pytest.raises(BadInput, match=r"country_aliases\.csv, row \d+, alias: expected a word that is not AUS's"):
        read_catalog(copy)


def test_same_key_twice_is_refused(copy: Path) -> None:
    rewrite(copy, "minerals.csv", lambda rows: rows.insert(5, dict(rows[4])))
    with pytest.raises(BadInput, match=r"minerals\.csv, row 7, id: expected a key that occurs once"):
        read_catalog(copy)


def test_same_baci_code_in_two_statuses_is_refused(copy: Path) -> None:
    number = number_of(copy, "baci_country_codes.csv", baci_code="490")
    again = {"baci_code": "490", "iso3": "", "status": "ignored", "note": "Remainder."}
    rewrite(copy, "baci_country_codes.csv", lambda rows: rows.insert(number - 1, again))
    with pytest.raises(BadInput, match=rf"row {number + 1}, baci_code: expected a key that occurs once"):
        read_catalog(copy)


def test_unsorted_rows_are_refused(copy: Path) -> None:
    rewrite(copy, "baci_country_codes.csv", lambda rows: rows.reverse())
    with pytest.raises(BadInput, match=r"baci_country_codes\.csv, row 3, baci_code: expected rows sorted"):
        read_catalog(copy)


def test_mineral_without_hs_code_is_refused(copy: Path) -> None:
    number = number_of(copy, "minerals.csv", id="tin")
    rewrite(copy, "hs_codes.csv", lambda rows: rows.remove(row_of(rows, mineral="tin")))
    with pytest.raises(BadInput, match=rf"minerals\.csv, row {number}, id: expected an id with an HS code"):
        read_catalog(copy)


@pytest.mark.parametrize("name", sorted(table.file for table in TABLES))
def test_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BadInput, match=rf"{name}, row 1, file: expected the file"):
        read_catalog(copy)


def test_renamed_column_is_refused(copy: Path) -> None:
    path = copy / "countries.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("name_en", "name", 1), encoding="utf-8")
    with pytest.raises(BadInput, match=r"countries\.csv, row 1, header"):
        read_catalog(copy)


def test_file_without_rows_is_refused(copy: Path) -> None:
    rewrite(copy, "technologies.csv", lambda rows: rows.clear())
    with pytest.raises(BadInput, match=r"technologies\.csv, row 2, row: expected at least one row"):
        read_catalog(copy)


def test_row_with_an_unquoted_comma_is_refused(copy: Path) -> None:
    path = copy / "technologies.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[3] += ",spare"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"technologies\.csv, row 4, row: expected 2 cells, found 3"):
        read_catalog(copy)


def test_file_in_another_encoding_is_refused(copy: Path) -> None:
    path = copy / "countries.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    with pytest.raises(BadInput, match=r"countries\.csv, row 1, file: expected UTF-8"):
        read_catalog(copy)


def test_a_product_code_of_any_length_finds_its_minerals(catalog: Catalog) -> None:
    assert catalog.minerals_of_product("282200") == catalog.minerals_of_product("28220000") == ("cobalt",)
    assert {"gallium", "germanium", "beryllium"} <= set(catalog.minerals_of_product("8112"))
    # A code that the catalogue knows and does not use, a neighbour in the same heading, and nonsense.
    assert catalog.minerals_of_product("261690") == ()
    assert catalog.minerals_of_product("282300") == catalog.minerals_of_product("2823") == ()
    assert catalog.minerals_of_product("39XXXX") == ()
