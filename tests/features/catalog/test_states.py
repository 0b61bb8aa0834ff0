"""State codes: two schemes that differ, held against every name that stands beside a code in a real list."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from features.catalog import load_catalog
from features.catalog.states import load_states, read_states
from features.errors import BadInput, UnknownCode

FOLDER = Path(__file__).parents[3] / "features" / "catalog"
# How lists of political science call countries, where the catalogue has no such name.
NAMES = {
    "Dominica ": "DMA",
    "St. Lucia": "LCA",
    "St. Vincent": "VCT",
    "St. Kitts and Nevis": "KNA",
    "Surinam": "SUR",
    "Rumania": "ROU",
    "USSR": "RUS",
    "Russia (Soviet Union)": "RUS",
    "Bosnia-Herzegovina": "BIH",
    "Serbia (Yugoslavia)": "SRB",
    "German Federal Republic": "DEU",
    "German Democratic Republic": "DDR",
    "East Germany": "DDR",
    "Czechoslovakia": "CSK",
    "Guinea Bissau": "GNB",
    "Democratic Republic of Congo": "COD",
    "DR Congo (Zaire)": "COD",
    "Zimbabwe (Rhodesia)": "ZWE",
    "Madagascar (Malagasy)": "MDG",
    "Yemen Arab Republic": "YEM",
    "Yemen Arab Republic; N. Yemen": "YEM",
    "Yemen (North Yemen)": "YEM",
    "South Yemen": "YEM",
    "Yemen PDR": "YEM",
    "Yemen People's Republic": "YEM",
    "Yemen People's Republic; S. Yemen": "YEM",
    "Kyrgyz Republic": "KGZ",
    "Tajkistan": "TJK",
    "Cambodia (Kampuchea)": "KHM",
    "Democratic Republic of Vietnam": "VNM",
    "Republic of Vietnam": "VNM",
    "South Vietnam": "VNM",
    "Vietnam (North Vietnam)": "VNM",
    "Republic of Korea": "KOR",
    "Myanmar (Burma)": "MMR",
    "East Timor": "TLS",
    # News mean the other one.
    "Congo": "COG",
}
# Slips of the lists: the name is right and the code is of no list, or of the other scheme.
SLIPS = {("cow", 340, "Serbia"), ("cow", 393, "Russia"), ("cow", 533, "Malawi")}


def beside_codes(payloads: Path) -> Iterable[tuple[str, int, str]]:
    """Give scheme, code and name for every state of the real lists from 1950 on."""
    text = {"dtype": "str", "keep_default_na": False}
    cline = pd.read_csv(payloads / "coups/cline-coup-data-2.1.2.csv", **text)
    powell = pd.read_csv(payloads / "coups/powell_thyne_coups_final.txt", sep="\t", **text)
    colpus = pd.read_excel(payloads / "coups/colpus-1.1-basic.xlsx", dtype="str", engine="openpyxl")
    reign = pd.read_csv(payloads / "reign/electionlist_3_21.csv", **text)
    regimes = pd.read_csv(payloads / "reign/regime_list.csv", **text)
    lists = [
        (cline["cowcode"], cline["country"], cline["year"]),
        (powell["ccode"], powell["country"], powell["year"]),
        (colpus["ccode"], colpus["statenme"], colpus["year"]),
        (reign["ccode"], reign["country"], reign["elec_year"]),
    ]
    for codes, names, years in lists:
        yield from {("cow", int(c), n) for c, n, y in zip(codes, names, years, strict=True) if int(y) >= 1950}
    leaders = pd.read_csv(payloads / "reign/leaderlist_3_21.csv", encoding="latin-1", **text)
    yield from {("cow", int(code), "") for code in (*leaders["ccode"], *regimes["cowcode"])}
    conflicts = pd.read_csv(payloads / "ucdp/ucdp_prio_conflicts.csv", **text)
    conflicts = conflicts[conflicts["year"].astype(int) >= 1950]
    for codes, names in zip(conflicts["gwno_loc"], conflicts["location"], strict=True):
        parts = codes.split(", ")
        # Codes and names of several states are each sorted by themselves.
        yield from {("gw", int(code), names if len(parts) == 1 else "") for code in parts}
    events = pd.read_csv(payloads / "ucdp/ged-download.zip", **text)
    yield from {("gw", int(c), n) for c, n in zip(events["country_id"], events["country"], strict=True)}


@pytest.mark.shared
def test_every_code_of_the_real_lists_means_the_country_whose_name_stands_beside_it(shared: Path):
    states, catalog = load_states(), load_catalog()
    seen, slips, wrong = set(beside_codes(shared / "payloads")), set(), []
    for scheme, code, name in sorted(seen):
        try:
            iso3 = states.iso3_of(scheme, code)
        except UnknownCode:
            slips.add((scheme, code, name))
            continue
        if name and iso3 != (NAMES.get(name) or catalog.iso3_of_name(name)):
            wrong.append((scheme, code, name, iso3))
    assert len({(scheme, code) for scheme, code, _ in seen}) > 200
    assert sum(bool(name) for *_, name in seen) > 300
    assert not wrong
    assert slips == SLIPS


def test_the_schemes_differ_where_they_do():
    states = load_states()
    by_both = {
        255: ("DEU", None),
        260: ("DEU", "DEU"),
        265: ("DDR", "DDR"),
        340: (None, "SRB"),
        345: ("SRB", "SRB"),
        678: ("YEM", "YEM"),
        679: ("YEM", None),
        680: ("YEM", "YEM"),
        816: ("VNM", "VNM"),
        817: ("VNM", "VNM"),
        946: ("KIR", None),
        970: ("NRU", "KIR"),
        971: (None, "NRU"),
        955: ("TON", None),
        972: (None, "TON"),
    }
    for code, (cow, gw) in by_both.items():
        assert (states.countries.get(("cow", code)), states.countries.get(("gw", code))) == (cow, gw), code
    with pytest.raises(UnknownCode, match=r"state_codes\.csv.*340"):
        states.iso3_of("cow", 340)
    assert states.iso3_of("gw", 751) == ""


def test_states_are_alive_in_their_years_only():
    states = load_states()
    for year, there, not_there in (
        (1946, {"USA", "IRN", "CSK", "SRB"}, {"IND", "DZA", "COD", "DEU", "DDR", "KAZ"}),
        (1960, {"COD", "DEU", "DDR", "YEM", "VNM"}, {"DZA", "ZMB", "NAM"}),
        (1991, {"KAZ", "HRV", "CSK", "RUS"}, {"CZE", "ERI", "SSD", "DDR"}),
        (2006, {"SRB", "MNE"}, {"XKX", "SSD"}),
        (2024, {"SSD", "XKX", "TWN", "COD"}, {"CSK", "DDR", "NCL", "HKG", "PSE"}),
    ):
        alive = set(states.alive(year))
        assert alive >= there, year
        assert not alive & not_there, year
    assert 190 < len(states.alive(2024)) < 200
    assert list(states.alive(2024)) == sorted(states.alive(2024))


FAULTS = {
    "an unknown country": ({"iso3": "XYZ"}, "iso3"),
    "no country and no reason": ({"iso3": "", "note": ""}, "note"),
    "a scheme of nobody": ({"scheme": "un"}, "scheme"),
    "a code that is none": ({"code": "070"}, "code"),
    "a year for the scheme without": ({"first_year": "1950"}, "first_year"),
    "an end before the beginning": ({"last_year": "1950"}, "last_year"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_refused_with_file_row_and_field(tmp_path: Path, what: str):
    change, field = FAULTS[what]
    shutil.copy(FOLDER / "state_codes.csv", tmp_path)
    with (tmp_path / "state_codes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[0] |= change
    with (tmp_path / "state_codes.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(BadInput, match=rf"state_codes\.csv, row 2, {field}"):
        read_states(tmp_path, load_catalog())
