"""A run becomes current for all readers at one moment, whole; pages stay with the run they were begun with."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

from sqlalchemy import delete

from ml.database.tables import forecasts
from tests.ml.service.conftest import MONDAY, Clock, Made

WEEK = dt.timedelta(days=7)


def two_weeks(made: Callable[..., Made], **given: object) -> tuple[Made, str, str]:
    service = made(**given)
    first = service.publish(MONDAY - WEEK, probability=0.3)
    service.live.look()
    second = service.publish(MONDAY, probability=0.5)
    return service, first, second


def run_ids(service: Made, path: str = "/v1/forecasts") -> set[str]:
    return {row["run_id"] for row in service.get(path).json()}


def test_the_newer_run_is_current_after_a_look_and_the_older_one_stays_readable(
    made: Callable[..., Made], database: str
) -> None:
    service, first, second = two_weeks(made, database=database)
    assert run_ids(service) == {first}
    assert service.live.look() is True
    assert run_ids(service) == {second}
    for path in ("/v1/forecasts/cobalt/COD", "/v1/alerts", "/v1/changes"):
        assert run_ids(service, path) == {second}, path
    assert run_ids(service, f"/v1/forecasts?run={first}") == {first}
    assert run_ids(service, "/v1/forecasts?run=2026-W47") == {first}
    assert run_ids(service, "/v1/forecasts?as_of=2026-11-16") == {first}
    assert run_ids(service, "/v1/forecasts?from=2026-11-16&to=2026-11-23") == {first, second}
    assert service.get("/v1/runs/current").json()["run_id"] == second
    history = service.get("/v1/forecasts/cobalt/COD/history?horizon=current_year").json()
    assert [(row["run_id"], row["probability"]) for row in history] == [(first, 0.3), (second, 0.5)]


def test_pages_stay_with_the_run_they_were_begun_with(made: Callable[..., Made]) -> None:
    service, first, second = two_weeks(made)
    page = service.get("/v1/forecasts?limit=4")
    service.live.look()
    rest = service.get(page.links["next"]["url"])
    assert {row["run_id"] for row in [*page.json(), *rest.json()]} == {first}
    assert len(page.json()) + len(rest.json()) == 6
    assert run_ids(service) == {second}
    # The run left memory, as happens after weeks: it is read again.
    service.live._kept.clear()
    assert service.get(page.links["next"]["url"]).json() == rest.json()


def test_pages_over_many_runs_leave_out_what_is_published_meanwhile(
    made: Callable[..., Made], clock: Clock, database: str
) -> None:
    service = made(database=database)
    ids = [service.publish(MONDAY - WEEK * number) for number in (4, 3, 2, 1)]
    service.live.look()
    path = "/v1/forecasts?from=2026-01-01&limit=7"
    page = service.get(path)
    clock.go(hours=1)
    late = service.publish(MONDAY)
    service.live.look()
    rows = page.json()
    while "link" in page.headers:
        page = service.get(page.links["next"]["url"])
        rows += page.json()
    assert [row["run_id"] for row in rows] == [run_id for run_id in ids for _ in range(6)]
    assert len({tuple(row.values()) for row in rows}) == 24
    assert late in run_ids(service, "/v1/forecasts?from=2026-01-01&limit=1000")


def test_no_reader_goes_back_and_no_answer_mixes_runs(made: Callable[..., Made]) -> None:
    service, _, second = two_weeks(made)
    seen: list[list[str]] = [[], []]
    faults: list[object] = []
    both = threading.Barrier(3)

    def read(mine: list[str]) -> None:
        both.wait()
        for _ in range(60):
            for path in ("/v1/forecasts", "/v1/forecasts/cobalt/COD", "/v1/alerts?envelope=true"):
                found = service.get(path).json()
                rows = found["data"] if isinstance(found, dict) else found
                mine.extend(ids := sorted({row["run_id"] for row in rows}))
                if len(ids) != 1:
                    faults.append((path, ids))

    readers = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    for reader in readers:
        reader.start()
    both.wait()
    service.live.look()
    for reader in readers:
        reader.join()
    assert not faults
    for mine in seen:
        assert mine == sorted(mine), "a reader went back to the older run"
        assert mine[-1] == second


def test_processes_agree_on_the_moment(made: Callable[..., Made], clock: Clock) -> None:
    service = made(switch_seconds=2)
    first = service.publish(MONDAY - WEEK)
    assert service.live.look() is True, "the first run of all is waited for by nobody"
    second = service.publish(MONDAY)
    clock.go(seconds=0.4)  # one process looks early, another one late: both switch two seconds after publication
    assert service.live.look() is False
    assert run_ids(service) == {first}
    assert (service.live.switches_at - clock()).total_seconds() == 1.6
    clock.go(seconds=1.5)
    assert service.live.look() is False
    clock.go(seconds=0.1)
    assert service.live.look() is True
    assert run_ids(service) == {second}


def test_half_a_run_never_becomes_current(made: Callable[..., Made]) -> None:
    service, first, second = two_weeks(made)
    with service.engine.begin() as connection:
        connection.execute(delete(forecasts).where(forecasts.c.run_id == second, forecasts.c.mineral == "gallium"))
    assert service.live.look() is False
    assert run_ids(service) == {first}
    assert service.get("/readyz").status_code == 200


def test_a_held_back_run_is_listed_and_never_read(made: Callable[..., Made]) -> None:
    service = made()
    first = service.publish(MONDAY - WEEK)
    held = service.publish(MONDAY, drift="stop")
    service.live.look()
    assert run_ids(service) == {first}
    assert {row["run_id"]: row["held_back"] for row in service.get("/v1/runs").json()} == {first: False, held: True}
    assert service.get(f"/v1/forecasts?run={held}").status_code == 404
    assert service.get("/v1/forecasts?run=2026-W48").status_code == 404
    for query in ("from=2026-01-01", "from=2026-01-01&every_run=true", "run=current"):
        assert run_ids(service, f"/v1/forecasts?{query}") == {first}
    assert "oresight_drift_stop 1\n" in service.get("/metrics").text


def test_of_two_runs_of_a_week_the_last_word_counts(made: Callable[..., Made]) -> None:
    service = made()
    early = service.publish(MONDAY, "b", made="08:00")
    late = service.publish(MONDAY, "a", made="09:00")
    service.live.look()
    assert run_ids(service) == {late}
    assert run_ids(service, "/v1/forecasts?from=2026-11-01") == {late}
    assert run_ids(service, "/v1/forecasts?from=2026-11-01&every_run=true") == {early, late}
    marked = {row["run_id"]: row["is_newest_of_week"] for row in service.get("/v1/runs").json()}
    assert marked == {early: False, late: True}


def test_a_run_that_is_stored_anew_is_read_anew(made: Callable[..., Made], clock: Clock) -> None:
    from ml.publish.database import publish_run
    from ml.runs import Run

    service = made()
    run_id = service.publish()
    service.live.look()
    tag = service.get("/v1/runs/current").headers["etag"]
    clock.go(minutes=1)
    publish_run(service.engine, Run(service.home / "runs" / run_id), now=clock(), again=True)
    assert service.live.look() is True
    assert service.get("/v1/runs/current").headers["etag"] != tag
