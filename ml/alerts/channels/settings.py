"""What `alerts.toml` says of a channel, and secrets, which it only names.

`${env:NAME}` in an address, header or body is taken from the environment, `${file:PATH}` from a file, such as a
mounted secret, at the moment of sending. Neither is kept, logged or shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from features.errors import ConfigError

__all__ = [
    "AppriseChannel",
    "Channel",
    "SmsGateway",
    "Webhook",
    "named_secrets",
    "revealed",
    "revealed_url",
    "without_secrets",
]

SECRET = re.compile(r"\$\{(env|file):([^}]+)\}")
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id


class AppriseChannel(_Strict):
    """E-mail, chat or SMS through an address that Apprise knows; TLS certificates are always verified."""

    kind: Literal["email", "chat", "sms"]
    url: Text


class SmsGateway(_Strict):
    """A provider's HTTP interface; `{to}`, `{text}` and `{key}` in headers and body are filled in."""

    kind: Literal["sms_gateway"]
    url: Annotated[str, Field(pattern=r"^(https?://|\$\{)")]
    to: Text
    method: Literal["POST", "PUT", "GET"] = "POST"
    encoding: Literal["json", "form"] = "json"
    headers: dict[str, str] = {}
    body: dict[str, str] = {"to": "{to}", "text": "{text}", "id": "{key}"}


class Webhook(_Strict):
    """A signed POST (Standard Webhooks) of JSON or of a CAP 1.2 message."""

    kind: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^(https?://|\$\{)")]
    secret: Text
    format: Literal["json", "cap"] = "json"


Channel = Annotated[AppriseChannel | SmsGateway | Webhook, Field(discriminator="kind")]


def named_secrets(text: str) -> list[tuple[str, str]]:
    """List the secrets that a setting names, as (env or file, name)."""
    return [(found[1], found[2]) for found in SECRET.finditer(text)]


def revealed(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Put secrets in as they are.

    Raises:
        ConfigError: one isn't there; its name is told, never its value.
    """
    return SECRET.sub(lambda found: _secret(found[1], found[2], environment), text)


def revealed_url(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Put secrets into an address: one that is a secret as a whole as it is, parts of one escaped as addresses want.

    Raises:
        ConfigError: one isn't there.

    Example:
        >>> revealed_url("https://a.example/?key=${env:KEY}", {"KEY": "a/b"})
        'https://a.example/?key=a%2Fb'
    """
    if SECRET.fullmatch(text):
        return revealed(text, environment)
    return SECRET.sub(lambda found: quote(_secret(found[1], found[2], environment), safe=""), text)


def _secret(kind: str, name: str, environment: Mapping[str, str]) -> str:
    if kind == "env":
        if not environment.get(name):
            raise ConfigError(f"alerts: the environment has no {name}, which a channel names; set it")
        return environment[name]
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise ConfigError(f"alerts: {name}, which a channel names: {problem.strerror}") from None


def without_secrets(told: str, settings: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> str:
    """Take out of an error whatever came from a secret, and the part of an address behind its host."""
    for setting in settings:
        for kind, name in named_secrets(setting):
            try:
                value = _secret(kind, name, environment)
            except ConfigError:
                continue
            for form in (value, quote(value, safe="")):
                told = told.replace(form, f"[{name}]")
    return re.sub(r"(\w+://)[^\s/@]*@", r"\1[...]@", re.sub(r"(https?://[^\s/?]+)[^\s'\"]*", r"\1", told))[:300]
