"""Which names are businesses of mining or metals, and which only sound like it."""

from __future__ import annotations

import pytest

from features.sources.sanction_metals import metals_of


@pytest.mark.parametrize(
    ("names", "minerals"),
    [
        (["NATIONAL IRANIAN COPPER INDUSTRIES COMPANY"], "copper"),
        (["QESHM ZINC SMELTING AND REDUCTION COMPANY"], "zinc"),
        (["AFRICAN GOLD REFINERY LIMITED"], "gold"),
        (["IRAN CENTRAL IRON ORE COMPANY"], "iron"),
        (["Public Joint Stock Company  MMC Norilsk_Nickel"], "nickel;palladium"),
        (["UC RUSAL PLC"], "aluminium"),
        (["HOLDING X", "Y MINING LLC"], ""),
        (["PUBLICHNOE OBSCHESTVO MAGNITOGORSKIY METALLURGICHESKIY KOMBINAT"], ""),
        (["EMPRESA NICARAGUENSE DE MINAS"], ""),
        (["ESFAHAN STEEL COMPANY"], ""),
    ],
)
def test_a_business_of_mining_or_metals(names: list[str], minerals: str):
    assert metals_of(names) == (True, minerals)


@pytest.mark.parametrize(
    "name",
    [
        "GOLDEN STAR TRADING LLC",
        "SILVER BAY PARTNERS FZE",
        "DIAMOND TRANSPORTATION LIMITED",
        "IRON MOUNTAIN ENTERPRISES LIMITED",
        "LEADING EDGE SOURCING CORPORATION",
        "LEAD INTERNATIONAL TRADING",
        "BANK OF INDUSTRY AND MINE",
        "MINISTRY OF MINES AND METALS",
        "CHECHEN MINERAL WATERS LTD",
        "COAL TAR REFINING COMPANY",
        "METALLIC MANUFACTURING FACTORY",
        "FUENTE DE ORO",
        "MERCURY SHIPPING",
        "JERUSALEM",
        "PERUSALEM RUSALKA",
        "",
    ],
)
def test_a_namesake_is_none(name: str):
    assert metals_of([name]) == (False, "")


def test_the_purpose_that_the_list_gives_decides_even_for_a_bank():
    assert metals_of(["BANK OF X"], "Mining of hard coal") == (True, "")
    assert metals_of(["LOBAYE INVEST"], "Mining of other non-ferrous metal ores") == (True, "")
    assert metals_of(["X"], "Mixed farming") == (False, "")


def test_minerals_are_given_only_for_a_business_of_metals():
    assert metals_of(["GOLD SHIPPING"]) == (False, "")
    assert metals_of(["GOLD AND TIN MINING"]) == (True, "gold;tin")
