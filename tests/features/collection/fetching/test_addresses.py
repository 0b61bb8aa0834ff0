"""Which addresses a download may go to."""

from __future__ import annotations

import httpcore
import pytest

from features.collection.fetching.addresses import check_address, is_public, public_addresses
from features.errors import BadInput

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "203.0.113.9",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "2002:7f00:0001::", "2002:0a00:0001::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_known(address: str):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "193.0.6.139", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_known(address: str):
    assert is_public(address)


def test_one_private_address_among_public_ones_refuses_the_host():
    def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(BadInput, match=r"tea.example.org: expected a public machine, found the address 10.0.0.1"):
        public_addresses("tea.example.org", 443, is_private_allowed=False, resolve=resolve)
    found = public_addresses("tea.example.org", 443, is_private_allowed=True, resolve=resolve)
    assert found == ["8.8.8.8", "10.0.0.1"]


def test_a_name_without_an_address_is_no_connection():
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("unknown")

    with pytest.raises(httpcore.ConnectError, match=r"tea.example.org has no address"):
        public_addresses("tea.example.org", 443, is_private_allowed=False, resolve=resolve)


HOSTS = ("tea.example.org", "127.0.0.1")


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://tea.example.org/f", "tea.example.org"),
        ("https://TEA.example.org./f", "tea.example.org"),
        ("http://127.0.0.1:8000/f", "127.0.0.1"),
    ],
)
def test_a_declared_host_passes(address: str, host: str):
    assert check_address(address, hosts=HOSTS, private_hosts=("127.0.0.1",)) == host


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://tea.example.org/f", "an https address, found http"),
        ("ftp://tea.example.org/f", "an https address, found ftp"),
        ("https://example.org/f", "one of the hosts"),
        ("https://sub.tea.example.org/f", "one of the hosts"),
        ("https://tea.example.org.evil.example/f", "one of the hosts"),
        ("https://tea.example.org@evil.example/f", "without user name"),
        ("https:///f", "found none"),
        ("f.csv", "found none"),
    ],
)
def test_any_other_address_is_refused(address: str, words: str):
    with pytest.raises(BadInput, match=words):
        check_address(address, hosts=HOSTS, private_hosts=("127.0.0.1",))
