"""Aliases follow the log: after a kill, after a hand in the registry, and when two move one at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

from features.errors import BadInput, OresightError
from features.knowledge_time import as_moment
from ml.registry import aliases
from ml.registry.promotion_log import LOG_NAME, read_log

NOW = as_moment("2020-01-06")


@dataclass
class Version:
    """A registered version as MLflow gives it."""

    version: str
    tags: dict[str, str]


@dataclass
class Registry:
    """The part of MLflow's client that aliases need, in memory; it can die before an alias is set."""

    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    is_dying: bool = False

    def get_model_version(self, name: str, number: str) -> Version:
        assert name == aliases.MODEL_NAME
        if number not in self.versions:
            raise MlflowException("none", error_code=RESOURCE_DOES_NOT_EXIST)
        return self.versions[number]

    def get_model_version_by_alias(self, name: str, alias: str) -> Version:
        assert name == aliases.MODEL_NAME
        if alias not in self.aliases:
            raise MlflowException("none", error_code=INVALID_PARAMETER_VALUE)
        return self.versions[self.aliases[alias]]

    def set_registered_model_alias(self, name: str, alias: str, number: str) -> None:
        if self.is_dying:
            raise KeyboardInterrupt
        self.aliases[alias] = number

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        if self.is_dying:
            raise KeyboardInterrupt
        del self.aliases[alias]


@pytest.fixture
def registry() -> Registry:
    return Registry({number: Version(number, {"version": f"digest-{number}"}) for number in ("1", "2", "3")})


Move = Callable[..., Any]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def move(registry: Registry, tmp_path: Path, said: list[str]) -> Move:
    def go(alias: str, number: str | None, **how: Any) -> Any:
        to = None if number is None else registry.versions[number]
        told = {"action": "promoted", "reason": "why", "by": "me", "now": NOW, "say": said.append} | how
        return aliases.move(registry, tmp_path, alias, to, **told)

    return go


def test_a_move_is_a_line_from_where_to_where_and_the_alias(registry: Registry, move: Move, tmp_path: Path) -> None:
    move("champion", "1")
    line = move("champion", "2", evidence="promotions/x/record.json", forced=True)
    assert (line.from_registered_as, line.from_version) == ("1", "digest-1")
    assert (line.registered_as, line.version, line.by, line.reason, line.line) == ("2", "digest-2", "me", "why", 2)
    assert (line.evidence, line.forced, line.at) == ("promotions/x/record.json", True, "2020-01-06T00:00:00+00:00")
    assert registry.aliases == {"champion": "2"}
    assert read_log(tmp_path)[1] == line
    assert aliases.disagreements(registry, tmp_path) == []


def test_a_kill_between_line_and_alias_is_repaired_from_the_log(
    registry: Registry, move: Move, tmp_path: Path, said: list[str]
) -> None:
    move("champion", "1")
    registry.is_dying = True
    with pytest.raises(KeyboardInterrupt):
        move("champion", "2")
    registry.is_dying = False
    assert registry.aliases == {"champion": "1"}
    (torn,) = aliases.disagreements(registry, tmp_path)
    assert str(torn) == f"the alias champion stands at 1 in the registry, and line 2 of {LOG_NAME} says 2"
    assert "The log holds" in torn.remedy
    standing = aliases.standing(registry, tmp_path, "champion")
    assert standing is not None
    assert standing[0].version == "2"
    aliases.repair(registry, tmp_path, now=NOW, say=said.append)
    assert registry.aliases == {"champion": "2"}
    assert said == [
        f"The alias champion stands at 1 in the registry, and line 2 of {LOG_NAME} says 2: put back as the log says"
    ]
    assert len(read_log(tmp_path)) == 2


def test_the_next_move_repairs_too_and_starts_from_the_log(registry: Registry, move: Move, tmp_path: Path) -> None:
    move("champion", "1")
    move("challenger", "3")
    registry.is_dying = True
    with pytest.raises(KeyboardInterrupt):
        move("challenger", None, action="cleared")
    registry.is_dying = False
    line = move("champion", "2")
    assert line.from_registered_as == "1"
    assert registry.aliases == {"champion": "2"}


def test_an_alias_moved_by_hand_is_put_back(registry: Registry, move: Move, tmp_path: Path, said: list[str]) -> None:
    move("champion", "1")
    registry.aliases["champion"] = "3"
    (torn,) = aliases.disagreements(registry, tmp_path)
    assert "to have 3 instead, promote it" in torn.remedy
    aliases.repair(registry, tmp_path, now=NOW, say=said.append)
    assert registry.aliases == {"champion": "1"}


def test_an_alias_without_a_line_is_taken_into_the_log(registry: Registry, tmp_path: Path, said: list[str]) -> None:
    registry.aliases["champion"] = "2"
    (torn,) = aliases.disagreements(registry, tmp_path)
    assert "has no line about it" in str(torn)
    aliases.repair(registry, tmp_path, now=NOW, say=said.append)
    (line,) = read_log(tmp_path)
    assert (line.action, line.registered_as, line.version) == ("adopted", "2", "digest-2")
    assert aliases.disagreements(registry, tmp_path) == []


def test_who_was_slower_is_told(registry: Registry, move: Move) -> None:
    move("champion", "1", expected=None)
    move("champion", "2", expected="1")
    with pytest.raises(OresightError, match=r"the champion was 1 when this began and is 2 now, as line 2"):
        move("champion", "3", expected="1")
    with pytest.raises(OresightError, match=r"the champion was nobody when this began and is 2 now"):
        move("champion", "3", expected=None)
    assert registry.aliases == {"champion": "2"}


def test_a_challenger_that_becomes_champion_is_no_challenger_any_longer(
    registry: Registry, move: Move, tmp_path: Path
) -> None:
    move("champion", "1")
    move("challenger", "2", action="assigned")
    move("champion", "3")
    assert registry.aliases == {"champion": "3", "challenger": "2"}
    move("champion", "2")
    assert registry.aliases == {"champion": "2"}
    last = read_log(tmp_path)[-1]
    assert (last.alias, last.action, last.registered_as, last.from_registered_as) == (
        "challenger",
        "cleared",
        None,
        "2",
    )


def test_a_version_that_the_registry_lacks_or_has_otherwise_is_said(
    registry: Registry, move: Move, tmp_path: Path, said: list[str]
) -> None:
    move("champion", "1")
    registry.versions["1"].tags["version"] = "another"
    with pytest.raises(BadInput, match=r"line 1: expected oresight 1 .* to be model digest-1, found model another"):
        aliases.standing(registry, tmp_path, "champion")
    del registry.versions["1"], registry.aliases["champion"]
    aliases.repair(registry, tmp_path, now=NOW, say=said.append)
    with pytest.raises(BadInput, match=r"found no such version\. Put the registry back"):
        aliases.standing(registry, tmp_path, "champion")
    move("champion", "2")
    assert registry.aliases == {"champion": "2"}
