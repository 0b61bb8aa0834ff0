"""The promotion log: only ever added to, whole after a kill, and read as what it says about each alias."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.errors import BadInput
from ml.registry.promotion_log import (
    LOG_NAME,
    Promotion,
    add_lines,
    changing_aliases,
    line_that_stands,
    previous_champion,
    read_log,
)


def line(number: str | None, *, action: str = "promoted", alias: str = "champion") -> Promotion:
    return Promotion(
        at="2020-01-06T00:00:00+00:00",
        alias=alias,
        registered_as=number,
        version=None if number is None else f"digest-{number}",
        reason="ünter test",
        action=action,
    )


def champions(*moves: str) -> list[Promotion]:
    """Read "1 2 <1" as: 1 promoted, 2 promoted, rolled back to 1."""
    return [
        line(move.removeprefix("<"), action="rolled_back" if move.startswith("<") else "promoted") for move in moves
    ]


def test_lines_come_back_as_they_were_written_with_their_numbers(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []
    (first,) = add_lines(tmp_path, [line("1")])
    both = add_lines(tmp_path, [line("2"), line(None, action="cleared", alias="challenger")])
    assert [each.line for each in (first, *both)] == [1, 2, 3]
    assert read_log(tmp_path) == [first, *both]
    assert first.moment.isoformat() == "2020-01-06T00:00:00+00:00"


def test_a_line_of_the_first_form_of_the_log_is_read(tmp_path: Path) -> None:
    old = {"at": "2020-01-06T00:00:00+00:00", "alias": "champion", "registered_as": "1", "version": "ab", "reason": "r"}
    (tmp_path / LOG_NAME).write_text(json.dumps(old) + "\n")
    (found,) = read_log(tmp_path)
    assert (found.registered_as, found.action, found.from_registered_as, found.line) == ("1", "promoted", None, 1)


def test_what_a_kill_left_of_a_line_does_not_count_and_goes_with_the_next(tmp_path: Path) -> None:
    add_lines(tmp_path, [line("1")])
    whole = (tmp_path / LOG_NAME).read_bytes()
    (tmp_path / LOG_NAME).write_bytes(whole + whole[:40])
    assert [each.registered_as for each in read_log(tmp_path)] == ["1"]
    add_lines(tmp_path, [line("2")])
    assert [each.registered_as for each in read_log(tmp_path)] == ["1", "2"]
    assert (tmp_path / LOG_NAME).read_bytes().startswith(whole)


@pytest.mark.parametrize(
    "text",
    ["{not json}", "{}", '{"at": "x", "alias": "champion", "registered_as": "1", "version": "a", "reason": ""}'],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str) -> None:
    add_lines(tmp_path, [line("1")])
    with (tmp_path / LOG_NAME).open("a") as log:
        log.write(text + "\n")
    with pytest.raises(BadInput, match=r"promotions.jsonl, line 2: expected one change of an alias"):
        read_log(tmp_path)


@pytest.mark.parametrize("change", [{"alias": "favourite"}, {"action": "wished"}])
def test_an_alias_or_action_that_is_none_of_ours_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    add_lines(tmp_path, [line("1", **change)])
    with pytest.raises(BadInput, match=r"line 1.*(favourite|wished)"):
        read_log(tmp_path)


def test_changes_at_once_follow_one_another(tmp_path: Path) -> None:
    def one(number: int) -> Promotion:
        with changing_aliases(tmp_path):
            before = line_that_stands(read_log(tmp_path), "champion")
            told = line(str(number))
            told = Promotion(
                **{
                    **{name: getattr(told, name) for name in told.__slots__},
                    "from_registered_as": before and before.registered_as,
                }
            )
            return add_lines(tmp_path, [told])[0]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(one, range(40)))
    lines = read_log(tmp_path)
    assert sorted(each.line for each in made) == list(range(1, 41))
    # Each knew the one before it: none was written on the other's back.
    assert [each.from_registered_as for each in lines] == [None, *(each.registered_as for each in lines[:-1])]


def test_the_last_line_about_an_alias_says_where_it_stands() -> None:
    lines = [*champions("1", "2"), line("1", alias="challenger"), line(None, alias="challenger", action="cleared")]
    champion, challenger = (line_that_stands(lines, alias) for alias in ("champion", "challenger"))
    assert champion is not None
    assert champion.registered_as == "2"
    assert challenger is not None
    assert challenger.registered_as is None
    assert line_that_stands(lines, "baseline") is None


@pytest.mark.parametrize(
    ("moves", "before"),
    [
        ("1", None),
        ("1 2", "1"),
        ("1 2 3", "2"),
        ("1 2 3 <2", "1"),
        ("1 2 3 <2 4", "2"),
        ("1 2 3 <1", None),
        ("1 2 1", "2"),
        ("1 2 2", "1"),
    ],
)
def test_the_champion_before_is_not_one_that_was_rolled_back(moves: str, before: str | None) -> None:
    found = previous_champion(champions(*moves.split()))
    assert (None if found is None else found.registered_as) == before
