"""Without its database the service answers from the last run, says so, and is not ready after a minute."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.service.reading import Reader, TooSlow
from tests.ml.service.conftest import MONDAY, Clock, Made

WEEK = dt.timedelta(days=7)


def take_away(service: Made) -> Callable[[], None]:
    """Let the embedded database vanish; gives how to bring it back."""
    service.live.reader.engine.dispose()
    path = service.home / "oresight.db"
    for file in service.home.glob("oresight.db*"):
        file.rename(Path(f"{file}.away"))

    def back() -> None:
        for file in service.home.glob("*.away"):
            file.rename(str(file).removesuffix(".away"))
        assert path.exists()

    return back


def test_the_last_run_is_answered_while_the_database_is_away(made: Callable[..., Made], clock: Clock) -> None:
    service = made()
    first, second = service.publish(MONDAY - WEEK), service.publish()
    service.live.look()
    before = service.get("/v1/forecasts").json()
    back = take_away(service)
    clock.go(seconds=30)
    service.live.look()
    clock.go(seconds=40)
    answer = service.get("/v1/forecasts")
    assert answer.json() == before
    assert answer.headers["age"] == "70"
    assert answer.headers["warning"].startswith("111 ")
    for path in ("/v1/forecasts/cobalt/COD", "/v1/alerts", "/v1/runs", "/v1/runs/current", "/v1/suppliers"):
        assert service.get(path).status_code == 200, path
    assert service.get("/v1/forecasts?from=2026-11-23&to=2026-11-29").json(), "the current week is in memory"
    for path in (f"/v1/forecasts?run={first}", "/v1/forecasts?from=2026-01-01", "/v1/forecasts/cobalt/COD/history"):
        refused = service.get(path)
        assert refused.status_code == 503, path
        assert refused.json()["type"] == "/problems/database-away"
        assert int(refused.headers["retry-after"]) > 0
    assert "oresight_database_up 0\n" in service.get("/metrics").text
    back()
    service.live.look()
    assert "age" not in service.get("/v1/forecasts").headers
    assert service.get(f"/v1/forecasts?run={first}").status_code == 200
    assert service.get("/v1/runs/current").json()["run_id"] == second


def test_ready_for_a_minute_without_the_database_and_then_not(made: Callable[..., Made], clock: Clock) -> None:
    service = made()
    service.publish()
    service.live.look()
    back = take_away(service)
    service.live.look()
    assert service.get("/readyz").status_code == 200
    clock.go(seconds=59)
    assert service.get("/readyz").status_code == 200
    assert service.get("/readyz").json()["reasons"] == ["database away since 2026-11-24T12:00:00Z"]
    clock.go(seconds=1)
    assert service.get("/readyz").status_code == 503
    assert service.get("/healthz").status_code == 200, "a new process would not bring the database back"
    back()
    service.live.look()
    assert service.get("/readyz").status_code == 200


def test_a_run_that_is_too_old_is_not_ready(made: Callable[..., Made], clock: Clock) -> None:
    service = made(ready_days=9)
    service.publish()
    service.live.look()
    clock.at = dt.datetime(2026, 12, 2, tzinfo=dt.UTC)  # nine days after the Monday
    assert service.get("/readyz").status_code == 200
    clock.go(seconds=1)
    answer = service.get("/readyz")
    assert answer.status_code == 503
    assert "ready_days = 9" in answer.json()["reasons"][0]
    assert service.get("/v1/forecasts").status_code == 200, "old is better than nothing; who asks is told as_of"


def test_without_any_run_it_says_what_to_do(made: Callable[..., Made]) -> None:
    service = made()
    assert service.get("/healthz").status_code == 200
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["no run has been published yet"])
    for name in ("forecasts", "forecasts/cobalt/COD", "runs/current", "alerts", "sources", "track-record"):
        path = f"/v1/{name}"
        answer = service.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), path
        assert answer.json()["type"] == "/problems/no-run", path
    assert service.get("/v1/runs").json() == []
    assert service.get("/v1/minerals").status_code == 200
    assert "oresight_run_loaded 0\n" in service.get("/metrics").text
    service.publish()
    service.live.look()
    assert service.get("/readyz").status_code == 200


def test_no_database_is_made_by_looking(tmp_path: Path, clock: Clock) -> None:
    from ml.service.app import create_app
    from ml.settings import Settings
    from tests.ml.service.conftest import TestClient

    app = create_app(Settings(home=tmp_path / "home"), clock=clock, is_watching=False)
    assert TestClient(app).get("/readyz").status_code == 503
    assert not (tmp_path / "home" / "oresight.db").exists()


def test_a_query_that_takes_too_long_is_stopped(made: Callable[..., Made], database: str) -> None:
    from sqlalchemy import func, select, true

    from ml.database.tables import forecasts

    service = made(database=database, query_seconds=0.2)
    service.publish()
    service.live.look()
    endless = forecasts.alias()
    for _ in range(11):
        endless = endless.join(forecasts.alias(), true())
    with pytest.raises(TooSlow):
        service.live.reader.rows(select(func.count()).select_from(endless))
    assert service.live.look() is False
    assert service.get("/v1/forecasts").status_code == 200


def test_the_service_can_not_write(made: Callable[..., Made], database: str) -> None:
    from sqlalchemy import delete

    from features.errors import OresightError
    from ml.database.tables import forecasts

    service = made(database=database)
    service.publish()
    service.live.look()
    reader: Reader = service.live.reader
    with pytest.raises(OresightError):
        reader.rows(delete(forecasts).returning(forecasts.c.run_id))  # type: ignore[arg-type]
    assert len(service.get("/v1/forecasts").json()) == 6


@pytest.mark.parametrize("damage", [b"", b"x" * 4096])
def test_a_file_that_is_damaged_or_replaced_under_open_connections_is_noticed(
    made: Callable[..., Made], clock: Clock, damage: bytes
) -> None:
    service = made()
    run_id = service.publish()
    service.live.look()
    path = service.home / "oresight.db"
    with service.live.reader.engine.connect():
        pass  # one stays open in the pool
    whole = path.read_bytes()
    path.write_bytes(damage)
    service.live.look()
    assert service.get("/readyz").json()["reasons"] == ["database away since 2026-11-24T12:00:00Z"]
    assert "oresight_database_up 0\n" in service.get("/metrics").text
    assert service.get("/v1/runs/current").json()["run_id"] == run_id
    for leftover in service.home.glob("oresight.db-*"):
        leftover.unlink()
    copy = service.home / "restored.db"
    copy.write_bytes(whole)
    copy.replace(path)
    service.live.look()
    assert service.get("/readyz").json()["reasons"] == []


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/v1/alerts?target=suply_drop", 422, "supply_drop"),
        ("/v1/forecasts?horizon=next_decade", 422, "current_year"),
        ("/v1/forecasts?from=2026-11-23&to=2026-11-16", 422, "later than"),
        ("/v1/forecasts/cobald/COD", 404, "no mineral is called cobald"),
        ("/v1/forecasts/cobalt/XXX", 404, "no supplier has the code XXX"),
    ],
)
def test_what_is_misspelt_is_no_empty_answer(made: Callable[..., Made], path: str, status: int, told: str) -> None:
    service = made()
    service.publish()
    service.live.look()
    answer = service.get(path)
    assert answer.status_code == status
    assert told in answer.text
