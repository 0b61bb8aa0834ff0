"""What a user asked for with an option, held against the catalogue (minerals, suppliers, dates), and who asks."""

from __future__ import annotations

import datetime as dt
import getpass
import os
from collections.abc import Iterable
from difflib import get_close_matches

from features.catalog import Catalog
from features.errors import ConfigError
from features.knowledge_time import as_moment

__all__ = ["asked_mineral", "asked_moment", "asked_supplier", "known_moment", "reviewer"]


def asked_mineral(catalog: Catalog, text: str, *, option: str = "--mineral") -> str:
    """Give the id of the mineral that an option names.

    Raises:
        ConfigError: there is none; the message names the option and the ids that are near.
    """
    name = text.strip().lower()
    if name in catalog.minerals:
        return name
    hint = _near(name, catalog.minerals) or f"; there are {', '.join(catalog.minerals)}"
    raise ConfigError(f"{option}: no mineral is called {text!r}{hint}")


def asked_supplier(catalog: Catalog, text: str, *, option: str = "--supplier") -> str:
    """Give the ISO 3166-1 alpha-3 code that an option names, in capitals or small letters.

    Raises:
        ConfigError: the catalogue has none such; the message names the option and what is near.
    """
    code = text.strip().upper()
    if code in catalog.countries:
        return code
    near = [f"{iso3} ({catalog.countries[iso3].name_en})" for iso3 in _near_countries(code, catalog)]
    hint = f"; did you mean {' or '.join(near)}?" if near else "; suppliers are ISO 3166-1 alpha-3 codes, such as COD"
    raise ConfigError(f"{option}: no supplier is called {text!r}{hint}")


def asked_moment(as_of: str | None, *, now: dt.datetime, option: str = "--as-of") -> dt.datetime:
    """Give the date of knowledge that an option names, `now` if it names none.

    Raises:
        ConfigError: it is no date, or lies in the future.
    """
    try:
        return known_moment(as_of, now=now)
    except ConfigError as problem:
        raise ConfigError(f"{option}: {problem}") from None


def known_moment(as_of: str | None, *, now: dt.datetime) -> dt.datetime:
    """Give the date of knowledge, `now` if none is given.

    Raises:
        ConfigError: it is no date, or lies in the future.
    """
    moment = now if as_of is None else as_moment(as_of)
    if moment > now:
        raise ConfigError(f"{as_of} is in the future; what will be known then is not known yet")
    return moment


def _near_countries(code: str, catalog: Catalog) -> list[str]:
    # A name, or how one begins, says more than letters that happen to be alike.
    by_name = {country.name_en.lower(): iso3 for iso3, country in catalog.countries.items()}
    name = code.lower()
    begun = [each for each in by_name if len(name) > 2 and each.startswith(name)]
    names = begun[:3] or get_close_matches(name, by_name, n=2, cutoff=0.8)
    return [by_name[each] for each in names] or get_close_matches(code, catalog.countries)


def _near(name: str, known: Iterable[str]) -> str:
    begun = [each for each in known if len(name) > 2 and each.startswith(name)]
    near = (begun or get_close_matches(name, known))[:3]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def reviewer() -> str:
    """Name who decides unless the command says: the setting ORESIGHT_ANALYST, or the user of the machine."""
    return os.environ.get("ORESIGHT_ANALYST") or getpass.getuser()
