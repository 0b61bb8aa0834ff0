"""The aliases `champion`, `challenger` and `baseline`: moved in our log first, then in MLflow's registry.

The registry's alias is a copy of the log's last line. Where the two disagree (a command was killed between them, or
somebody moved the alias elsewhere) the log holds: commands that write put the alias back and say so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import BadInput, OresightError
from features.knowledge_time import UTC
from ml.registry.promotion_log import (
    ALIASES,
    LOG_NAME,
    Promotion,
    add_lines,
    changing_aliases,
    line_that_stands,
    read_log,
)

__all__ = [
    "MODEL_NAME",
    "Disagreement",
    "disagreements",
    "move",
    "repair",
    "standing",
    "version_at",
    "version_numbered",
]

MODEL_NAME = "oresight"
NO_SUCH = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An alias that stands elsewhere in the registry than the log says; None where it stands nowhere."""

    alias: str
    line: Promotion | None
    registered_as: str | None

    def __str__(self) -> str:
        found = "stands nowhere" if self.registered_as is None else f"stands at {self.registered_as}"
        if self.line is None:
            told = f"{LOG_NAME} has no line about it"
        else:
            told = f"line {self.line.line} of {LOG_NAME} says {self.line.registered_as or 'nowhere'}"
        return f"the alias {self.alias} {found} in the registry, and {told}"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.line is None:
            return "The next `oresight weekly`, promote, challenge or rollback takes it into the log."
        wanted = "" if self.registered_as is None else f"; to have {self.registered_as} instead, promote it"
        return f"The log holds: the next `oresight weekly`, promote, challenge or rollback puts the alias back{wanted}."


def version_at(client: Any, alias: str) -> Any | None:
    """Give the version an alias stands at in the registry; None where there is no such model or alias."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(MODEL_NAME, alias)
    except MlflowException as problem:
        if problem.error_code not in NO_SUCH:
            raise
        return None


def version_numbered(client: Any, number: str) -> Any | None:
    """Give the version registered under a number; None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(MODEL_NAME, number)
    except MlflowException as problem:
        if problem.error_code not in NO_SUCH:
            raise
        return None


def standing(client: Any, home: Path, alias: str) -> tuple[Any, Promotion] | None:
    """Give the version that the log says `alias` stands at, with its line; None where nowhere.

    Raises:
        BadInput: the registry lacks that version, or has another model under its number.
    """
    line = line_that_stands(read_log(home), alias)
    if line is None or line.registered_as is None:
        return None
    found = version_numbered(client, line.registered_as)
    if found is None or found.tags.get("version") != line.version:
        raise BadInput(
            where=f"{home / LOG_NAME}, line {line.line}",
            expected=f"{MODEL_NAME} {line.registered_as} in the registry to be model {line.version}",
            found="no such version" if found is None else f"model {found.tags.get('version')}",
            remedy="Put the registry back from its copy, or set a champion anew: oresight train --promote",
        )
    return found, line


def disagreements(client: Any, home: Path) -> list[Disagreement]:
    """List the aliases that stand elsewhere in the registry than the log says."""
    lines, out = read_log(home), []
    for alias in ALIASES:
        line, found = line_that_stands(lines, alias), version_at(client, alias)
        at = None if found is None else str(found.version)
        if at != (None if line is None else line.registered_as):
            out.append(Disagreement(alias, line, at))
    return out


def repair(client: Any, home: Path, *, now: dt.datetime, say: Say) -> list[Disagreement]:
    """Put every alias where the log says, take one without a line into the log, and say what was done."""
    if not disagreements(client, home):
        return []
    with changing_aliases(home):
        return _repair(client, home, now=now, say=say)


def _repair(client: Any, home: Path, *, now: dt.datetime, say: Say) -> list[Disagreement]:
    found = disagreements(client, home)
    for each in found:
        if each.line is None:
            version = version_at(client, each.alias)
            line = Promotion(
                at=_second(now),
                alias=each.alias,
                registered_as=each.registered_as,
                version=None if version is None else version.tags.get("version"),
                action="adopted",
                reason="the alias stood in the registry without a line here",
            )
            add_lines(home, [line])
            say(f"{str(each).capitalize()}: taken into the log")
            continue
        if each.line.registered_as is not None and version_numbered(client, each.line.registered_as) is None:
            continue  # `standing` says what to do, to whom asks for it; a new champion is the way out
        _set(client, each.alias, each.line.registered_as)
        say(f"{str(each).capitalize()}: put back as the log says")
    return found


def move(
    client: Any,
    home: Path,
    alias: str,
    to: Any | None,
    *,
    action: str,
    reason: str,
    by: str,
    now: dt.datetime,
    say: Say,
    evidence: str | None = None,
    forced: bool = False,
    expected: str | bool | None = False,
) -> Promotion:
    """Move an alias to a version, or away with None: the log's line first, then the registry's alias.

    A champion that was the challenger is no challenger any longer; both lines are written in one piece.

    Args:
        to: the version, as MLflow gives it.
        expected: the number where the alias must stand until now, None for nowhere; False expects nothing.

    Raises:
        OresightError: the alias stands elsewhere than expected, as somebody else was quicker.
    """
    with changing_aliases(home):
        _repair(client, home, now=now, say=say)
        lines = read_log(home)
        before = line_that_stands(lines, alias)
        stood = None if before is None else before.registered_as
        if expected is not False and stood != expected:
            raise OresightError(
                f"the {alias} was {expected or 'nobody'} when this began and is {stood or 'nobody'} now, as line "
                f"{before.line if before else 0} of {LOG_NAME} says; look at it with `oresight models` and try again"
            )
        line = Promotion(
            at=_second(now),
            alias=alias,
            action=action,
            registered_as=None if to is None else str(to.version),
            version=None if to is None else to.tags["version"],
            from_registered_as=stood,
            from_version=None if before is None else before.version,
            by=by,
            reason=reason,
            evidence=evidence,
            forced=forced,
        )
        new = [line]
        challenger = line_that_stands(lines, "challenger")
        if alias == "champion" and challenger is not None and challenger.registered_as == line.registered_as:
            new.append(_cleared(challenger, by=by, now=now))
        written = add_lines(home, new)
        for each in written:
            _set(client, each.alias, each.registered_as)
    return written[0]


def _cleared(challenger: Promotion, *, by: str, now: dt.datetime) -> Promotion:
    return Promotion(
        at=_second(now),
        alias="challenger",
        action="cleared",
        registered_as=None,
        version=None,
        from_registered_as=challenger.registered_as,
        from_version=challenger.version,
        by=by,
        reason="it is champion now",
    )


def _set(client: Any, alias: str, number: str | None) -> None:
    if number is not None:
        client.set_registered_model_alias(MODEL_NAME, alias, number)
    elif version_at(client, alias) is not None:
        client.delete_registered_model_alias(MODEL_NAME, alias)


def _second(now: dt.datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")
