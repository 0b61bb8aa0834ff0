"""Keys: made once, stored as digests, limited in scope and time, revoked at once; and who needs one."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable

import pytest
from sqlalchemy import select

from features.errors import ConfigError
from ml.database.key_tables import api_keys
from ml.service.app import may_be_anonymous
from ml.service.keys import create_key, find_key, keys_from, list_keys, note_use, revoke_key
from ml.settings import Settings
from tests.ml.service.conftest import Clock, Made


@pytest.fixture
def service(made: Callable[..., Made]) -> Made:
    """A service that asks for keys."""
    made_one = made(anonymous=False)
    made_one.publish()
    made_one.live.look()
    return made_one


def key(
    service: Made, name: str = "grafana", *scopes: str, expires: dt.datetime | None = None, quota: int | None = None
) -> str:
    text, _ = create_key(
        service.engine, name, scopes or ("read",), expires_at=expires, requests_per_minute=quota, now=service.clock()
    )
    service.live.look()
    return text


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_without_a_key_nothing_but_health_is_told(service: Made) -> None:
    for path in ("/v1/forecasts", "/v1/minerals", "/metrics", "/docs", "/openapi.json", "/nothing"):
        answer = service.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "oresight keys create" in answer.json()["remedy"]
    assert service.get("/healthz").status_code == 200
    assert service.get("/readyz").status_code == 200


def test_a_key_is_taken_in_each_way_that_readers_can_send_it(service: Made) -> None:
    text = key(service)
    basic = base64.b64encode(f"anybody:{text}".encode()).decode()
    for headers in (bearer(text), {"X-API-Key": text}, {"Authorization": f"Basic {basic}"}):
        assert service.get("/v1/alerts", headers=headers).status_code == 200
    answer = service.get("/v1/alerts", headers=bearer(text))
    assert answer.headers["cache-control"].startswith("private"), "no shared cache may keep what a key was needed for"


def test_only_a_digest_is_stored_and_nothing_is_logged(service: Made, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = key(service)
    service.get("/v1/alerts", headers=bearer(text))
    service.get("/v1/alerts", headers=bearer(text[:-1]))
    with service.engine.connect() as connection:
        (row,) = connection.execute(select(api_keys)).all()
    assert row.digest == hashlib.sha256(text.encode()).hexdigest()
    secret = text.rpartition("_")[2]
    assert secret not in str(row)
    assert secret not in caplog.text
    assert secret not in json.dumps(list_keys(service.engine), default=str)
    assert "digest" not in list_keys(service.engine)[0]


def test_a_wrong_key_is_refused_also_where_none_is_needed(made: Callable[..., Made]) -> None:
    service = made(anonymous=True)
    service.publish()
    text = key(service)
    assert service.get("/v1/alerts").status_code == 200
    for wrong in (text[:-1], text + "x", text.replace("ors_", "org_"), ""):
        answer = service.get("/v1/alerts", headers=bearer(wrong))
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/key-refused")


def test_scopes(service: Made) -> None:
    reads, explains, all_of_it = key(service, "a"), key(service, "b", "explain"), key(service, "c", "admin")
    refused = service.get("/v1/explanations", headers=bearer(reads))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/scope-missing")
    assert service.get("/v1/explanations", headers=bearer(explains)).status_code == 200
    assert service.get("/v1/forecasts", headers=bearer(explains)).status_code == 403
    for path in ("/v1/explanations", "/v1/forecasts", "/metrics"):
        assert service.get(path, headers=bearer(all_of_it)).status_code == 200
    with pytest.raises(ConfigError, match="scopes are read, explain"):
        key(service, "d", "write")


def test_expired_and_revoked_keys_are_refused(service: Made, clock: Clock) -> None:
    short = key(service, "short", expires=clock() + dt.timedelta(days=1))
    long = key(service, "long")
    clock.go(hours=23)
    assert service.get("/v1/alerts", headers=bearer(short)).status_code == 200
    clock.go(hours=1)
    assert "expired" in service.get("/v1/alerts", headers=bearer(short)).json()["detail"]
    revoke_key(service.engine, "long", now=clock())
    service.live.look()
    assert "revoked" in service.get("/v1/alerts", headers=bearer(long)).json()["detail"]
    again = revoke_key(service.engine, "long", now=clock() + dt.timedelta(days=1))
    assert again[0]["revoked_at"] == clock(), "the first word counts"
    with pytest.raises(ConfigError, match="no key has"):
        revoke_key(service.engine, "nobody", now=clock())
    key(service, "twice")
    with pytest.raises(ConfigError, match="still holds"):
        key(service, "twice")
    with pytest.raises(ConfigError, match="not in the future"):
        key(service, "past", expires=clock())


def test_keys_hold_while_the_database_is_away(service: Made) -> None:
    from tests.ml.service.test_away import take_away

    text = key(service)
    take_away(service)
    service.live.look()
    assert service.get("/v1/alerts", headers=bearer(text)).status_code == 200


def test_the_last_use_is_noted_and_never_set_back(service: Made, clock: Clock) -> None:
    text = key(service)
    key_id = text[4:12]
    service.get("/v1/alerts", headers=bearer(text))
    note_use(service.engine, {key_id: clock()})
    note_use(service.engine, {key_id: clock() - dt.timedelta(days=1)})
    assert list_keys(service.engine)[0]["last_used_at"] == clock()


def test_finding_a_key_compares_digests(service: Made) -> None:
    text = key(service)
    with service.engine.connect() as connection:
        keys = keys_from(row._mapping for row in connection.execute(select(api_keys)))
    assert find_key(text, keys) is keys[text[4:12]]
    assert find_key(text[:12] + "_" + "A" * 43, keys) is None


@pytest.mark.parametrize(
    ("given", "is_open"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "::"}, False),
        ({"host": "board.example.org"}, False),
        ({"host": "0.0.0.0", "anonymous": True}, True),
        ({"anonymous": False}, False),
    ],
)
def test_who_may_read_without_a_key(given: dict[str, object], is_open: bool) -> None:
    assert may_be_anonymous(Settings(**given)) is is_open


def test_the_quota_of_a_key_is_its_own(service: Made) -> None:
    few, many = key(service, "few", quota=3), key(service, "many")
    answers = [service.get("/v1/alerts", headers=bearer(few)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
    assert service.get("/v1/alerts", headers=bearer(many)).status_code == 200


def test_the_quota_without_a_key_is_per_address_and_not_for_this_machine(made: Callable[..., Made]) -> None:
    service = made(quota_anonymous=2)
    service.publish()
    service.live.look()
    one, other = service.from_elsewhere("203.0.113.7"), service.from_elsewhere("203.0.113.8")
    assert [one.get("/v1/alerts").status_code for _ in range(3)] == [200, 200, 429]
    assert one.get("/healthz").status_code == 200
    assert other.get("/v1/alerts").status_code == 200
    six = [service.from_elsewhere(f"2001:db8::{number}").get("/v1/alerts").status_code for number in range(3)]
    assert six == [200, 200, 429], "one network of IPv6 is one reader"
    assert {service.get("/v1/alerts").status_code for _ in range(5)} == {200}
