"""Where a download may go: which address, which host, and which machine behind its name.

A source declares its hosts; a redirect may lead to no other. A name is looked up once, every address it has is
checked, and the connection is made to the very address that was checked: a name that answers differently a moment
later gains nothing. Addresses that are not public (private, loopback, link-local, multicast, reserved) are refused,
and so is plain HTTP, unless a setting names the host.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore

from features.errors import BadInput

__all__ = ["CheckedBackend", "check_address", "is_public", "public_addresses"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def check_address(address: str, *, hosts: Collection[str], private_hosts: Collection[str]) -> str:
    """Check that a source may fetch from `address`, and give its host.

    Args:
        hosts: the hosts the source declares.
        private_hosts: hosts that a setting allows to be private machines and to speak plain HTTP.

    Raises:
        BadInput: another scheme, a host that is not declared, or a password in the address.
    """
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".").lower()
    shown = f"{parts.scheme}://{host}{parts.path}"
    if parts.username is not None or parts.password is not None:
        raise _refusal(shown, "an address without user name and password", "one with them")
    if host not in {name.lower() for name in hosts}:
        raise _refusal(shown, f"one of the hosts {', '.join(sorted(hosts)) or '(none declared)'}", host or "none")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in private_hosts):
        raise _refusal(shown, "an https address", f"{parts.scheme or 'no scheme'}")
    return host


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to a machine on the public Internet.

    Example:
        >>> [is_public(each) for each in ("8.8.8.8", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")]
        [True, False, False, False]
    """
    ip: Address = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public_addresses(host: str, port: int, *, is_private_allowed: bool, resolve: Resolve = _look_up) -> list[str]:
    """Look up a host and give its addresses, all of them checked.

    Raises:
        BadInput: one of them is not public and that is not allowed.
        httpcore.ConnectError: the name has no address.
    """
    try:
        addresses = resolve(host, port)
    except OSError as problem:
        raise httpcore.ConnectError(f"{host} has no address: {problem}") from None
    if not addresses:
        raise httpcore.ConnectError(f"{host} has no address")
    private = [address for address in addresses if not is_public(address)]
    if private and not is_private_allowed:
        remedy = "If that is a mirror of your own, name its host in the setting private_hosts."
        raise BadInput(where=host, expected="a public machine", found=f"the address {private[0]}", remedy=remedy)
    return addresses


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only, and gives every read and write no more than what is left until `deadline`."""

    def __init__(self, private_hosts: Collection[str], *, resolve: Resolve = _look_up) -> None:
        self.private_hosts = private_hosts
        self.resolve = resolve
        self.deadline = float("inf")
        self._plain = httpcore.SyncBackend()

    def left(self, timeout: float | None) -> float:
        """Give the seconds that an operation may take.

        Raises:
            httpcore.ReadTimeout: the deadline has passed.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole download took too long")
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Look the host up, check its addresses, and connect to the first of them that answers."""
        is_private_allowed = host.lower() in self.private_hosts
        addresses = public_addresses(host, port, is_private_allowed=is_private_allowed, resolve=self.resolve)
        problem: Exception | None = None
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(
                    address,
                    port,
                    timeout=self.left(timeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as this:
                problem = this
            else:
                return _HurriedStream(stream, self)
        raise problem or httpcore.ConnectError(f"{host} does not answer")


class _HurriedStream(httpcore.NetworkStream):
    """A connection whose reads and writes end at the deadline of its backend."""

    def __init__(self, stream: httpcore.NetworkStream, backend: CheckedBackend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._stream.read(max_bytes, timeout=self._backend.left(timeout))
        except httpcore.ReadTimeout:
            # If it was the deadline that ended it, this says so.
            self._backend.left(None)
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._backend.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, timeout=self._backend.left(timeout))
        return _HurriedStream(secure, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _refusal(address: str, expected: str, found: str) -> BadInput:
    return BadInput(
        where=address,
        expected=expected,
        found=found,
        remedy="Nothing was fetched. A source's hosts stand in its SPEC; endpoints and private_hosts are settings.",
    )
