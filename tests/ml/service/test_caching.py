"""ETag and Cache-Control follow the run: the same bytes are never sent twice, and no old run hides a new one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from tests.ml.service.conftest import MONDAY, Made

PATHS = ["/v1/forecasts", "/v1/forecasts/cobalt/COD", "/v1/alerts", "/v1/runs", "/v1/runs/current", "/v1/suppliers"]
PATHS += ["/v1/forecasts?from=2026-01-01", "/v1/forecasts/cobalt/COD/history", "/v1/sources", "/v1/changes?format=csv"]


@pytest.fixture
def service(made: Callable[..., Made]) -> Made:
    """A service with one week."""
    service = made()
    service.publish(MONDAY - dt.timedelta(days=7))
    service.live.look()
    return service


def test_what_the_reader_has_is_not_sent_again_until_a_run_comes(service: Made) -> None:
    tags = {}
    for path in PATHS:
        tags[path] = tag = service.get(path).headers["etag"]
        for given in (tag, f'W/{tag}, "other"', "*"):
            same = service.get(path, headers={"If-None-Match": given})
            assert (same.status_code, same.content) == (304, b""), path
            assert same.headers["etag"] == tag, path
        assert service.get(path, headers={"If-None-Match": '"other"'}).status_code == 200, path
    service.publish(MONDAY)
    service.live.look()
    for path, tag in tags.items():
        after = service.get(path, headers={"If-None-Match": tag})
        assert after.status_code == 200, path
        assert after.headers["etag"] != tag, path


def test_each_representation_has_its_own_tag(service: Made) -> None:
    queries = ("", "limit=2", "format=csv", "envelope=true")
    tags = [service.get(f"/v1/forecasts?{query}").headers["etag"] for query in queries]
    tags.append(service.get("/v1/forecasts", headers={"Accept": "text/csv"}).headers["etag"])
    tags.append(service.get("/v1/alerts").headers["etag"])
    assert len(set(tags)) == len(tags)
    assert "Accept" in service.get("/v1/forecasts").headers["vary"]


def test_only_what_can_never_change_is_kept_for_long(service: Made) -> None:
    fixed = service.get("/v1/forecasts?run=2026-W47-a").headers
    assert "immutable" in fixed["cache-control"]
    for path in ("/v1/forecasts", "/v1/forecasts?run=current", "/v1/forecasts?run=2026-W47", "/v1/runs/2026-W47-a"):
        assert service.get(path).headers["cache-control"] == "public, max-age=15, must-revalidate", path
    service.publish(MONDAY)
    service.live.look()
    again = service.get("/v1/forecasts?run=2026-W47-a", headers={"If-None-Match": fixed["etag"]})
    assert again.status_code == 304, "the run is the same, current or not"
    assert service.get("/v1/nothing").headers["cache-control"] == "no-store"


def test_the_answer_says_which_run_it_is_of_and_how_long_it_holds(service: Made) -> None:
    headers = service.get("/v1/forecasts/cobalt/COD").headers
    assert headers["oresight-run"] == "2026-W47-a"
    assert headers["oresight-as-of"] == "2026-11-16"
    assert headers["oresight-valid-until"].startswith("2026-11-")


def test_head_gives_the_headers_alone(service: Made) -> None:
    whole, head = service.get("/v1/forecasts"), service.client.head("/v1/forecasts")
    assert head.content == b""
    assert head.status_code == 200
    assert {name: head.headers[name] for name in ("etag", "content-length", "content-type")} == {
        name: whole.headers[name] for name in ("etag", "content-length", "content-type")
    }


def test_a_cursor_that_was_not_given_is_refused(service: Made) -> None:
    for cursor in ("x", "AAAA", "....", "eyJiIjoiMjAyNi1XNDctYSIsIm8iOjR9", "A" * 900, "é", ""):
        answer = service.get("/v1/forecasts", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-cursor"), cursor


def test_a_cursor_of_another_query_is_refused(service: Made) -> None:
    cursor = service.get("/v1/forecasts?limit=2&envelope=true").json()["next_cursor"]
    assert service.get("/v1/forecasts", params={"cursor": cursor}).status_code == 200
    assert service.get(f"/v1/forecasts?mineral=cobalt&cursor={cursor}").status_code == 400
    assert service.get(f"/v1/forecasts?sort=mineral&cursor={cursor}").status_code == 400
    assert service.get("/v1/alerts", params={"cursor": cursor}).status_code == 400
