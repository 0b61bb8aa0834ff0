"""Computing once what several questions of a test, or several tests, ask of the same facts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["once"]

Facts = ParamSpec("Facts")
Found = TypeVar("Found")


def once(make: Callable[Facts, Found]) -> Callable[Facts, Found]:
    """Keep what `make` gave for facts that are written alike; nobody may change it.

    Only for texts, numbers and lists of records: a table or an array is written short, so two of them can look alike.
    """
    made: dict[str, Found] = {}

    @functools.wraps(make)
    def of(*args: Facts.args, **kwargs: Facts.kwargs) -> Found:
        assert all(isinstance(each, str | int | float | list | None) for each in [*args, *kwargs.values()]), "see above"
        key = repr((args, kwargs))
        if key not in made:
            made[key] = make(*args, **kwargs)
        return made[key]

    return of
