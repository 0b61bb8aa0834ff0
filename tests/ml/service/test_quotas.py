"""The bucket: one minute's worth at once, then as it fills; forgotten ones begin full, and memory is bounded."""

from __future__ import annotations

import pytest

from ml.service.quotas import REMEMBERED, Quotas, address_group, seconds_text


def test_a_bucket_gives_its_size_at_once_and_then_its_rate() -> None:
    quotas = Quotas()
    assert [quotas.take("a", 60, 0.0) for _ in range(60)] == [0.0] * 60
    assert quotas.take("a", 60, 0.0) == pytest.approx(1.0)
    assert quotas.take("a", 60, 0.5) == pytest.approx(0.5), "a refusal costs nothing"
    assert quotas.take("a", 60, 1.0) == 0.0
    assert quotas.take("a", 60, 1.0) > 0
    assert quotas.take("b", 60, 1.0) == 0.0
    # An idle hour fills no more than the bucket.
    assert sum(quotas.take("a", 60, 3_600.0) == 0 for _ in range(100)) == 60


def test_zero_is_no_limit_and_buckets_are_bounded() -> None:
    quotas = Quotas()
    assert {quotas.take("a", 0, 0.0) for _ in range(1000)} == {0.0}
    for number in range(REMEMBERED + 50):
        quotas.take(str(number), 1, 0.0)
    assert len(quotas._buckets) == REMEMBERED


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("127.0.0.1", ("127.0.0.1", True)),
        ("::1", ("::1", True)),
        ("::ffff:127.0.0.1", ("127.0.0.1", True)),
        ("198.51.100.2", ("198.51.100.2", False)),
        ("2001:db8:1:2:3:4:5:6", ("2001:db8:1:2::/64", False)),
        ("unknown", ("unknown", False)),
    ],
)
def test_addresses(address: str, group: tuple[str, bool]) -> None:
    assert address_group(address) == group


def test_retry_after_is_whole_seconds() -> None:
    assert [seconds_text(wait) for wait in (0.01, 1.0, 1.2)] == ["1", "1", "2"]
