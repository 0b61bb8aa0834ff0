"""The shapes that dashboards ask in: Power BI's Web.Contents, Grafana's Infinity, a browser's page, Prometheus."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.ml.service.conftest import MONDAY, Made

WEEK = dt.timedelta(days=7)


@pytest.fixture
def service(made: Callable[..., Made]) -> Made:
    """A service with three weeks."""
    service = made(cors_origins=("https://board.example.org",))
    for number in (2, 1, 0):
        service.publish(MONDAY - WEEK * number, probability=0.3 + 0.1 * number)
    service.live.look()
    return service


def power_bi(service: Made, start: str, end: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Do what this query does on each refresh; one fixed address, all else in Query, paging from the body.

    Page = (cursor) =>
        Json.Document(Web.Contents("http://service", [RelativePath = "v1/forecasts", Query = Query(cursor)]))
    """
    columns, rows, cursor = [], [], None
    for _ in range(20):
        query = {"from": start, "to": end, "envelope": "true", "limit": "5"} | ({"cursor": cursor} if cursor else {})
        page = service.client.get("/v1/forecasts", params=query, headers={"Accept": "*/*"}).json()
        columns = [column["name"] for column in page["columns"]]
        rows += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return columns, rows
    raise AssertionError("the pages have no end")


def test_power_bi_gets_every_row_of_its_dates_once(service: Made) -> None:
    columns, rows = power_bi(service, "2026-11-16", "2026-11-23")
    assert len(rows) == 12
    assert {row["as_of"] for row in rows} == {"2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"}
    assert len({(row["run_id"], row["horizon"], row["mineral"]) for row in rows}) == 12
    assert all(list(row) == columns for row in rows)


def test_power_bi_keeps_its_columns_when_the_dates_hold_nothing(service: Made) -> None:
    full, _ = power_bi(service, "2026-11-16", "2026-11-23")
    empty, none = power_bi(service, "1999-01-01", "1999-12-31")
    assert (empty, none) == (full, [])
    # As Power BI sends a parameter of RangeStart and RangeEnd, and with the format it reads without expanding records.
    answer = service.get("/v1/forecasts?from=1999-01-01T00:00:00&to=1999-12-31T00:00:00.0000000Z&format=csv")
    assert answer.text.strip() == ",".join(full)


def test_infinity_reads_flat_rows_with_a_time_and_a_number(service: Made) -> None:
    # Its backend parser takes a top-level array; $__from and $__to come with milliseconds.
    dates = "from=2026-11-01T00:00:00.000Z&to=2026-11-30T23:59:59.999Z"
    rows = service.get(f"/v1/forecasts/cobalt/COD/history?{dates}&horizon=current_year").json()
    assert isinstance(rows, list)
    assert [row["probability"] for row in rows] == [0.5, 0.4, 0.3]
    times = [dt.datetime.fromisoformat(row["as_of"]) for row in rows]
    assert times == sorted(times)
    for each in ("forecasts", "alerts", "changes", "runs", "sources", "suppliers", "minerals"):
        for row in service.get(f"/v1/{each}").json():
            assert all(not isinstance(value, dict | list) for value in row.values()), each


def test_a_page_of_an_allowed_origin_may_read_and_others_may_not(service: Made) -> None:
    ask = {"Origin": "https://board.example.org"}
    answer = service.get("/v1/alerts", headers=ask)
    assert answer.headers["access-control-allow-origin"] == "https://board.example.org"
    assert "Oresight-Run" in answer.headers["access-control-expose-headers"]
    preflight = {**ask, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    assert service.client.options("/v1/alerts", headers=preflight).status_code == 200
    other = service.get("/v1/alerts", headers={"Origin": "https://evil.example.org"})
    assert "access-control-allow-origin" not in other.headers


def test_prometheus_reads_the_metrics(service: Made) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    service.get("/v1/alerts")
    families = {each.name: each for each in text_string_to_metric_families(service.get("/metrics").text)}
    value = {name: family.samples[0].value for name, family in families.items() if family.samples}
    assert value["oresight_run_age_seconds"] == 36 * 3600
    assert value["oresight_database_up"] == 1
    assert families["oresight_run_info"].samples[0].labels == {
        "run_id": "2026-W48-a",
        "week": "2026-W48",
        "model_version": "abc",
    }
    rows = sum(sample.value for sample in families["oresight_forecasts"].samples)
    assert rows == 6
    ages = {(s.labels["dataset"], s.labels["source"]): s.value for s in families["oresight_source_age_days"].samples}
    assert ages == {("prices", "pink_sheet"): 174.0, ("trade", "baci"): 30.0}
    assert value["oresight_drift_stop"] == 0
    samples = families["oresight_http_requests"].samples
    counted = {(each.labels["route"], each.labels["status"]) for each in samples if "status" in each.labels}
    assert ("/v1/alerts", "200") in counted
    assert families["oresight_http_request_seconds"].type == "histogram"
    # A name that any path could make would fill the memory of who collects them.
    service.get("/v1/" + "x" * 50)
    assert "xxxx" not in service.get("/metrics").text


def test_the_reference_page_needs_no_script_and_nothing_from_elsewhere(service: Made) -> None:
    page = service.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert not re.search(r"(src|href)=\"(https?:)?//", page.text)
    for path in service.get("/openapi.json").json()["paths"]:
        assert path in page.text
    kind = service.get("/v1/nothing").json()["type"]
    led = service.client.get(kind, follow_redirects=False)
    assert led.headers["location"] == "/docs#problem-not-found"
    assert 'id="problem-not-found"' in page.text
