"""What texts of policy databases say: minerals, products, days, directions and whom an act is aimed at."""

from __future__ import annotations

import datetime as dt

import pytest

from features.catalog import load_catalog
from features.sources import measure_words as words


@pytest.mark.parametrize(
    ("text", "minerals"),
    [
        ("A ban on nickel ore and bauxite", ("bauxite", "nickel")),
        ("Rare earth permanent items; samarium, dysprosium", ("rare_earths",)),
        ("This will lead the sector to grow", ()),
        ("copper, iron, lead, and zinc", ("copper", "iron", "lead", "zinc")),
        ("duties on lead concentrate", ("lead",)),
        ("The statin is no tin; tinted glass", ("tin",)),
        ("certain goods and technology", ()),
    ],
)
def test_minerals_are_words_and_not_parts_of_words(text: str, minerals: tuple[str, ...]):
    assert words.minerals_in(text) == minerals


def test_what_a_text_says_of_earlier_acts_is_cut_off():
    text = "Graphite needs a licence. Previously, gallium and germanium were put under control."
    assert words.minerals_in(words.act_text(text)) == ("graphite",)
    assert words.act_text("In May 2015, a ban began. In June 2016, another.") == "In May 2015, a ban began."


def test_html_is_taken_out_without_gluing_words():
    assert words.plain("<p>Export&nbsp;of <b>tin</b></p><p>ends</p>") == "Export of tin ends"


def test_dates_are_read_in_both_orders_and_impossible_ones_left_out():
    text = "On 20 October 2023 and by August 15, 2024, not on 31 February 2024; 1st May 2020"
    found = [day for _, day in words.dates_in(text)]
    assert found == [dt.date(2023, 10, 20), dt.date(2024, 8, 15), dt.date(2020, 5, 1)]


def test_product_codes_are_told_from_other_numbers():
    text = "nickel (HS 7502), copper under 7403.19 and 7403.22.10, HS code 260300; 168 entities in 2022"
    assert words.hs_codes_in(text) == ("260300", "740319", "74032210", "7502")


@pytest.mark.parametrize(
    ("title", "eases"),
    [
        ("Ban on ores lifted", True),
        ("Conditional export tax exemptions", True),
        ("Export quota reduced to zero duty lines", True),
        ("Export ban on lithium", False),
        ("New licence for graphite", False),
    ],
)
def test_easings_are_told_by_their_words(title: str, eases: bool):
    assert words.is_easing(title) is eases


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("Stricter control of items to the United States", ("USA",)),
        ("Bans against Russia in the field of aviation", ("RUS",)),
        ("items related to Gallium and Germanium", ()),
        ("exports to Japan, and to South Korea", ("JPN", "KOR")),
        ("a move to local processing", ()),
    ],
)
def test_targets_are_countries_after_to_or_against(text: str, targets: tuple[str, ...]):
    assert words.targets_in(text, load_catalog()) == targets


def test_origins_are_found_inside_longer_names():
    text = "goods from the Xinjiang Uyghur Autonomous Region of the People's Republic of China"
    assert words.origins_in(text, load_catalog()) == ("CHN",)
    assert words.origins_in("prohibits metal of Russian origin", load_catalog()) == ("RUS",)


def test_members_of_the_union_are_those_of_the_day():
    catalog = load_catalog()
    before, after = words.eu_members(dt.date(2019, 6, 1), catalog), words.eu_members(dt.date(2021, 6, 1), catalog)
    assert set(before) - set(after) == {"GBR"}
    assert len(after) == 27
    assert "HRV" not in words.eu_members(dt.date(2012, 1, 1), catalog)
