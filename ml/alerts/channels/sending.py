"""What every sender shares: the error of a message that is not out, and HTTP without redirects."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Mapping

import certifi
import httpx

__all__ = ["NotDelivered", "call"]

# What may be otherwise in a while; any other answer from 300 on will not.
PASSING = {408, 409, 421, 425, 429}


class NotDelivered(Exception):
    """A message is not out: why, whether trying again is of no use, what wait is asked for, whether it hung."""

    def __init__(self, why: str, *, is_final: bool = False, wait_seconds: float = 0, is_time_out: bool = False) -> None:
        super().__init__(why)
        self.is_final, self.wait_seconds, self.is_time_out = is_final, wait_seconds, is_time_out


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    params: Mapping[str, str] | None = None,
    time_out: float,
) -> None:
    """Make one request; certificates are verified, and an answer that leads elsewhere is refused.

    Raises:
        NotDelivered: no answer in time, or one that isn't 2xx. It says nothing that the settings keep secret.
    """
    try:
        # Nothing of the environment: a proxy variable or a .netrc is no part of the operator's rules.
        with httpx.Client(timeout=time_out, follow_redirects=False, trust_env=False, verify=_certificates()) as client:
            answer = client.request(method, url, headers=dict(headers), content=content, params=params)
    except httpx.InvalidURL:
        raise NotDelivered("the address is none", is_final=True) from None
    except httpx.TimeoutException:
        raise NotDelivered(f"no answer within {time_out:g} s", is_time_out=True) from None
    except httpx.HTTPError as problem:
        raise NotDelivered(f"{type(problem).__name__}: no answer") from None
    status = answer.status_code
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise NotDelivered(f"answer {status} leads elsewhere, which is not followed", is_final=True)
    asked = answer.headers.get("retry-after", "")
    wait = float(asked) if asked.isdigit() else 0.0
    raise NotDelivered(f"answer {status}", is_final=status < 500 and status not in PASSING, wait_seconds=wait)


@functools.cache
def _certificates() -> ssl.SSLContext:
    # The public authorities, and those that this machine trusts beside them: an agency's own.
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
