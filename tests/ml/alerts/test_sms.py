"""Short messages: the alphabet and its counts, and that every text of every kind fits one message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalog import load_catalog
from ml.alerts.sms import BASIC, EXTENSION, first_that_fits, fits, is_gsm, short_text, to_gsm, units

CATALOG = load_catalog()
LONG_NAME = max((country.name_en for country in CATALOG.countries.values()), key=len)


def facts(**other: Any) -> dict[str, Any]:
    made = {
        "warning_id": "W3K9Q2ZAB",
        "kind": "raised",
        "target": "severe_supply_drop",
        "window": "2027",
        "tier": "elevated",
        "probability": 0.9951,
        "p_low": 0.111,
        "p_high": 0.999,
        "base_rate": 0.3333,
        "change": -0.1234,
        "as_of": "2026-11-23",
        "data_as_of": "2026-02-01",
        "by": "Somebody With A Very Long Name Indeed",
    }
    return made | other


def test_the_alphabet_is_the_standards() -> None:
    # 3GPP TS 23.038, table in 6.2.1: 127 characters and the escape to the extension table, which has ten.
    assert len(BASIC) == len(set(BASIC)) == 127
    assert len(EXTENSION) == len(set(EXTENSION)) == 10
    # 0x10 to 0x1A and 0x1C to 0x1F, as the table has them.
    assert BASIC[0x10:0x1B] == "Δ_ΦΓΛΩΠΨΣΘΞ"
    assert BASIC[0x1B:0x1F] == "ÆæßÉ"
    assert BASIC[0x1F:0x3F] == " !\"#¤%&'()*+,-./0123456789:;<=>?"
    assert BASIC[0x3F] == "¡"


@pytest.mark.parametrize(
    ("text", "count", "is_one"),
    [
        ("a" * 160, 160, True),
        ("a" * 161, 161, False),
        ("€" * 80, 160, True),
        ("€" * 80 + "a", 161, False),
        ("鈷" * 70, 70, True),
        ("鈷" * 71, 71, False),
        # Outside the first plane: two units.
        ("𨧀" * 35, 70, True),
        ("𨧀" * 36, 72, False),
        ("ô" + "a" * 69, 70, True),
        ("ô" + "a" * 70, 71, False),
    ],
)
def test_counts(text: str, count: int, is_one: bool) -> None:
    assert (units(text), fits(text)) == (count, is_one)


@given(st.text(max_size=300))
def test_latin_is_written_in_the_alphabet_and_the_last_resort_fits(text: str) -> None:
    assert is_gsm(to_gsm(text))
    assert fits(first_that_fits([text]))


def test_accents_go_and_letters_stay() -> None:
    assert to_gsm("Côte d’Ivoire – Türkiye, São Tomé") == "Cote d'Ivoire - Türkiye, Sao Tomé"


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
@pytest.mark.parametrize("is_drill", [False, True])
@pytest.mark.parametrize("kind", ["raised", "updated", "cleared", "acknowledged"])
def test_every_pair_fits_and_keeps_what_matters(language: str, is_drill: bool, kind: str) -> None:
    suppliers = list(CATALOG.countries.values())
    for at, mineral in enumerate(CATALOG.minerals.values()):
        supplier = suppliers[at * 7 % len(suppliers)] if at else CATALOG.country("COD")
        text = short_text(
            facts(
                kind=kind,
                mineral=mineral.id,
                mineral_en=mineral.name_en,
                mineral_zh=mineral.name_zh_tw,
                supplier=supplier.iso3,
                supplier_en=LONG_NAME if at % 2 else supplier.name_en,
                supplier_zh=supplier.name_zh_tw,
            ),
            language,
            is_drill=is_drill,
            address="https://warnings.example.org/minerals/index.html",
        )
        assert fits(text), text
        assert language == "zh-Hant" or is_gsm(text)
        # What is shortened last of all.
        for part in (
            "W3K9Q2ZAB",
            ">99%",
            "-12.3",
            "2026-11-23",
            *(["DRILL ", "【演習】"][language != "en"],) * is_drill,
        ):
            assert part in text, text


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
@pytest.mark.parametrize("is_drill", [False, True])
def test_digests_and_notices_fit(language: str, is_drill: bool) -> None:
    line = {
        "mineral_en": "Rare-earth compounds",
        "mineral_zh": "稀土化合物",
        "mineral": "rare_earths",
        "probability": 0.9,
    }
    line |= {"supplier_en": LONG_NAME, "supplier_zh": "南喬治亞與南三明治群島", "supplier": "SGS"}
    tiers = {"severe": 4999, "elevated": 4999, "guarded": 4999, "low": 4999}
    digest = {"kind": "digest", "count": 19996, "by_tier": tiers, "lines": [line], "as_of": "2026-11-23"}
    notice = {"kind": "held", "count": 4999, "since": "2026-11-16", "as_of": "2026-11-23"}
    for about, part in ((digest, "19996"), (notice, "4999")):
        text = short_text(about, language, is_drill=is_drill)
        assert fits(text), text
        assert part in text
        assert "2026-11-23" in text
