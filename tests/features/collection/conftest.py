"""What every test that fetches may do without: reading the machine's certificates for each source again."""

from __future__ import annotations

import functools

import httpx
import pytest

# A twentieth of a second each time, and the servers of these tests speak plain HTTP.
CERTIFICATES = functools.cache(httpx.create_ssl_context)


@pytest.fixture(autouse=True)
def _certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "create_ssl_context", CERTIFICATES)
