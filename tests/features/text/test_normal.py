"""One form of text: what is cleaned, what is folded, and that a place in one form is the same place in the other."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text.normal import MAX_TITLE, folded, normal, text_of


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Congo’s “cobalt”", 'Congo\'s "cobalt"'),
        ("nickel\u00a0ore \n\t exports", "nickel ore exports"),
        ("ban\u202e lifted\u200b", "ban lifted"),
        ("re\u00adfined", "refined"),
        ("Ｃｈｉｌｅ：ﾘﾁｳﾑ", "Chile:リチウム"),
        ("Ni–Co", "Ni-Co"),
        ("刚果（金）", "刚果(金)"),
        ("\ud800bad", "bad"),
    ],
)
def test_cleaning(raw: str, clean: str) -> None:
    assert normal(raw) == clean


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ("Moçambique ÉLÉONORE", "mocambique eleonore"),
        ("鎵、鍺、銻", "镓、锗、锑"),
        ("アルミの輸出", "アルミの输出"),
        ("Ørsted Łódź", "orsted lodz"),
        ("Норильск ёж", "норильск еж"),
        ("İliç", "ilic"),
        ("Straße", "straße"),
        ("니켈", "니켈"),
    ],
)
def test_folding(raw: str, form: str) -> None:
    assert folded(raw) == form


def test_pieces_of_a_folded_text_are_folded_pieces() -> None:
    # Patterns are folded alone: no phrase of the converter may change a character by its neighbours.
    text = "乾隆皇帝後來發現頭髮"
    assert folded(text) == "".join(map(folded, text))


@given(st.text(max_size=60))
def test_both_forms_have_the_same_length(raw: str) -> None:
    text = text_of(raw)
    assert len(text.original) == len(text.folded)
    assert normal(text.original) == text.original


def test_long_text_is_cut_before_it_is_read() -> None:
    start = time.perf_counter()
    text = text_of("\ufdfa" * 10_000_000)
    assert len(text.original) <= MAX_TITLE
    assert time.perf_counter() - start < 0.5
