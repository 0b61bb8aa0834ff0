"""The commands on a tiny store: runs into the ledger, changes found and named, outcomes counted, the page made."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.errors import OresightError
from features.knowledge_time import as_moment
from features.store import Store
from ml.cli_record import app
from ml.ledger.chain import line_hash
from ml.ledger.issued import issued_ledger, record_run
from ml.record_commands import track_record, verify
from ml.runs import Run, published, sha256_of
from ml.settings import Settings
from tests.builders import rows, series
from tests.ml.test_contract import good_table

A_WEEK = dt.timedelta(days=7)


Change = Callable[[pd.DataFrame], pd.DataFrame]


def publish(settings: Settings, week: str, run_id: str, change: Change = lambda table: table, **changes: object) -> Run:
    """Lay a run of twelve forecasts, changed, on disk as the weekly job does."""
    moment = pd.Timestamp(as_moment(week))
    table = change(good_table().assign(as_of=moment, run_id=run_id, **changes))
    folder = settings.runs / run_id
    folder.mkdir(parents=True)
    table.to_parquet(folder / "forecasts.parquet", index=False)
    files = {"forecasts.parquet": sha256_of(folder / "forecasts.parquet")}
    about = {"run_id": run_id, "as_of": week, "created_at": f"{week}T06:00:00+00:00", "files": files}
    (folder / "run.json").write_text(json.dumps(about))
    return Run(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cobalt of three suppliers: COD falls in 2019, CHN and ZMB do not; figures up to 2019 are out, 2020's are not."""
    folder = tmp_path_factory.mktemp("record") / "datasets"
    records = [
        *series("COD", [100.0] * 9 + [40.0], first=2010),
        *series("CHN", [100.0] * 10, first=2010),
        *series("ZMB", [100.0] * 10, first=2010),
    ]
    Store(folder).append("trade", rows("trade", records), where="test")
    return folder


@pytest.fixture
def settings(store: Path, tmp_path: Path) -> Settings:
    """A home with that store and two published weeks, both taken into the ledger in their own time."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "datasets").symlink_to(store)
    settings = Settings(home=home)
    for number, week in enumerate(("2019-06-03", "2019-06-10")):
        run = publish(settings, week, f"2019-W{23 + number}-0123456789")
        assert record_run(settings, run, now=as_moment(week) + dt.timedelta(hours=6))
    return settings


def about_of(settings: Settings, *, as_of: str | None = None, record: bool = False) -> dict:
    return verify(as_of=as_of, replayed=False, record=record, home=settings.home)


def counted(about: dict, kind: str, horizon: str = "current_year", target: str = "supply_drop") -> dict:
    (row,) = (
        row for row in about["outcomes"] if (row["kind"], row["target"], row["horizon"]) == (kind, target, horizon)
    )
    return row


def test_a_run_is_taken_once_and_counted_from_issued_to_scored(settings: Settings) -> None:
    assert not record_run(settings, published(settings)[0], now=as_moment("2022-01-01"))
    about = about_of(settings)
    assert (about["batches"], about["rows"], about["faults"], about["runs_not_recorded"]) == (2, 24, [], [])
    row = counted(about, "live")
    # Each week: an alert for COD, which fell, an alert for CHN, which did not, and ZMB abstained.
    assert (row["issued"], row["matured"], row["resolved"], row["scored"], row["void"]) == (6, 6, 6, 4, 2)
    assert row["first_release"] == {"hit": 2, "miss": 0, "false_alarm": 2, "all_clear": 0}
    assert row["void_by_reason"] == {"no probability was given (abstained)": 2}
    assert row["windows_scored"] == 2
    row = counted(about, "live", "next_year")
    assert (row["matured"], row["resolved"], row["pending_by_reason"]) == (
        6,
        0,
        {"due, but the figures are not in the store": 6},
    )


def test_as_of_says_what_was_known_by_a_date(settings: Settings) -> None:
    row = counted(about_of(settings, as_of="2021-01-31"), "live")
    assert (row["issued"], row["matured"], row["pending_by_reason"]) == (6, 0, {"not due yet": 6})
    assert counted(about_of(settings, as_of="2021-02-01"), "live")["scored"] == 4
    # Before the second run there was only the first.
    assert counted(about_of(settings, as_of="2019-06-04"), "live")["issued"] == 3


def test_a_run_from_before_the_ledger_is_named_and_taken_when_asked_and_is_no_live_one(settings: Settings) -> None:
    publish(settings, "2019-06-17", "2019-W25-0123456789")
    assert about_of(settings)["runs_not_recorded"] == ["2019-W25-0123456789"]
    about = about_of(settings, record=True)
    assert (about["batches"], about["runs_not_recorded"]) == (3, [])
    assert counted(about, "live")["issued"] == 6
    assert counted(about, "backfill")["issued"] == 3
    # On a day before it was issued it was not there, whatever week it is for.
    assert {row["kind"] for row in about_of(settings, as_of="2022-01-01")["outcomes"]} == {"live"}


def test_of_two_runs_of_one_week_the_first_counts(settings: Settings) -> None:
    run = publish(settings, "2019-06-03", "2019-W23-9999999999", alert=False)
    record_run(settings, run, now=as_moment("2019-06-04"))
    row = counted(about_of(settings), "live")
    assert (row["issued"], row["first_release"]["hit"], row["first_release"]["miss"]) == (6, 2, 0)


def test_a_revision_shows_in_the_counts_on_the_latest_figures_and_nowhere_else(settings: Settings, store: Path) -> None:
    (settings.home / "datasets").unlink()
    again = Store(settings.home / "datasets")
    again.append("trade", Store(store).history("trade", as_of=as_moment("2030-01-01")), where="test")
    revised = series("COD", [95.0], first=2019, available_at=pd.Timestamp("2023-02-01", tz="UTC"))
    again.append("trade", rows("trade", revised), where="test")
    row = counted(about_of(settings), "live")
    assert row["first_release"] == {"hit": 2, "miss": 0, "false_alarm": 2, "all_clear": 0}
    assert row["latest_figures"] == {"hit": 0, "miss": 0, "false_alarm": 4, "all_clear": 0}
    assert row["changed_since_first_release"] == 2
    before = counted(about_of(settings, as_of="2023-01-31"), "live")
    assert before["latest_figures"] == row["first_release"]


def test_a_published_run_that_says_something_else_is_named_with_row_and_field(settings: Settings) -> None:
    path = settings.runs / "2019-W24-0123456789" / "forecasts.parquet"
    table = pd.read_parquet(path)
    said = table.loc[1, "probability"]
    table.loc[1, "probability"] = 0.111
    table.to_parquet(path, index=False)
    answer = CliRunner().invoke(app, ["verify", "--home", str(settings.home)])
    assert answer.exit_code == 3
    row = table.iloc[1]
    where = f"2019-06-10 {row['target']} {row['horizon']} cobalt {row['supplier']}, probability"
    assert f"runs/2019-W24-0123456789/forecasts.parquet, run 2019-W24-0123456789, {where}" in answer.output
    assert f"expected {said}, as in the ledger, found 0.111" in answer.output


def test_a_changed_ledger_ends_with_3_and_counts_nothing(settings: Settings) -> None:
    ledger = issued_ledger(settings)
    path = ledger.folder / "rows" / "2019-W23-0123456789.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "alert"] = not table.loc[0, "alert"]
    table.to_parquet(path, index=False)
    answer = CliRunner().invoke(app, ["verify", "--home", str(settings.home), "--json"])
    assert answer.exit_code == 3
    about = json.loads(answer.output)
    assert about["outcomes"] == []
    (fault,) = about["faults"]
    assert (fault["batch"], fault["field"]) == ("2019-W23-0123456789", "alert")


def test_a_last_entry_that_was_forged_with_all_its_hashes_is_found_by_its_published_run(settings: Settings) -> None:
    from ml.ledger.chain import sha256_of
    from ml.ledger.entries import seal

    ledger = issued_ledger(settings)
    path = ledger.folder / "rows" / "2019-W24-0123456789.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "probability"] = 0.999
    table.to_parquet(path, index=False)
    first, last = ledger.entries()
    forged = {**last, "file_sha256": sha256_of(path), **seal(table).as_json(), "published_sha256": "0"}
    forged["hash"] = line_hash(forged)
    ledger.path.write_text("".join(json.dumps(entry) + "\n" for entry in (first, forged)))
    (fault,) = about_of(settings)["faults"]
    assert (fault["field"], fault["expected"]) == ("probability", "0.999, as in the ledger")


def test_a_last_entry_that_was_cut_off_leaves_its_run_unrecorded_and_its_file_without_entry(settings: Settings) -> None:
    ledger = issued_ledger(settings)
    head = about_of(settings)["head"]
    assert verify(as_of=None, head=head[:12], home=settings.home)["faults"] == []
    ledger.path.write_text(ledger.path.read_text().splitlines(keepends=True)[0])
    about = about_of(settings)
    assert about["runs_not_recorded"] == ["2019-W24-0123456789"]
    assert about["files_without_entry"] == ["rows/2019-W24-0123456789.parquet"]
    # Who had noted the head sees it without the files.
    (fault,) = verify(as_of=None, head=head[:12], home=settings.home)["faults"]
    assert fault["expected"] == f"an entry with the hash {head[:12]}"


def test_without_anything_on_record_the_commands_say_what_to_run(tmp_path: Path) -> None:
    for replayed, command in ((False, "oresight weekly"), (True, "oresight hindcast")):
        with pytest.raises(OresightError, match=f"run `{command}` first"):
            verify(as_of=None, replayed=replayed, record=False, home=tmp_path)
    with pytest.raises(OresightError, match="nothing is on record"):
        track_record(None, as_of=None, draws=0, home=tmp_path, say=lambda line: None)


def test_the_track_record_keeps_kinds_apart_and_says_that_two_windows_are_too_few(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = publish(settings, "2019-07-22", "2019-W30-0123456789")
    record_run(settings, run, now=as_moment("2019-07-22"))
    late = publish(settings, "2019-07-29", "2019-W31-0123456789")
    record_run(settings, late, now=as_moment("2020-01-01"))
    said: list[str] = []
    record = track_record(tmp_path / "out", as_of=None, draws=20, home=settings.home, say=said.append)
    assert list(record["kinds"]) == ["live", "late"]
    part = record["kinds"]["live"]["supply_drop"]["horizons"]["current_year"]
    every = part["scores"]["all"]
    assert (every["n"], every["events"], every["insufficient"]) == (2, 1, True)
    assert every["brier"] == {"value": pytest.approx((0.4**2 + 0.6**2) / 2), "low": None, "high": None}
    assert part["outcomes"]["issued"] == 9
    # The first alert of the window came in the first week; the figures on 1 February 2021.
    warning = record["kinds"]["live"]["supply_drop"]["warnings"]
    assert (warning["windows"], warning["events_alerted"], warning["false_windows"]) == (2, 1, 1)
    assert warning["days_to_window_end"]["median"] == (dt.date(2019, 12, 31) - dt.date(2019, 6, 3)).days
    assert warning["days_to_figures"]["median"] == (dt.date(2021, 2, 1) - dt.date(2019, 6, 3)).days
    page = (tmp_path / "out" / "track-record.html").read_text()
    assert "2 live windows scored, 1 events, Brier 0.260" in page
    assert "Too few to judge" in page
    # Of 2020 the trade figures are to come in 2022, by the calendar: due since then, and not in this store.
    assert "18 live forecasts of 2 events are on record without a score yet." in page
    assert "<script" not in page
    table = pd.read_csv(tmp_path / "out" / "track-record.csv")
    assert set(table["kind"]) == {"live", "late"}
    assert json.loads((tmp_path / "out" / "track-record.json").read_text())["kinds"] == record["kinds"]


def test_hindcast_refuses_weeks_that_are_none(settings: Settings) -> None:
    run: Callable[..., object] = CliRunner().invoke
    for arguments in (["--from", "2010-01-05"], ["--from", "2012-01-02", "--to", "2011-01-03"]):
        answer = run(app, ["hindcast", *arguments, "--home", str(settings.home)])
        assert "2010-01-04" in str(answer.exception) or "is before --from" in str(answer.exception)


def test_shadow_forecasts_and_a_run_without_rows_are_kept_too(settings: Settings) -> None:
    shadow = publish(settings, "2019-06-17", "2019-W25-0123456789")
    assert record_run(settings, shadow, now=as_moment("2019-06-17"), is_shadow=True)
    empty = publish(settings, "2019-06-24", "2019-W26-0123456789", lambda table: table.head(0))
    assert record_run(settings, empty, now=as_moment("2019-06-24"))
    about = about_of(settings)
    assert (about["batches"], about["rows"], about["runs_not_recorded"]) == (4, 36, [])
    assert (counted(about, "shadow")["issued"], counted(about, "live")["issued"]) == (3, 6)


def test_an_event_that_no_rule_resolves_stays_pending(settings: Settings) -> None:
    once = ["horizon", "supplier"]
    run = publish(
        settings, "2019-06-17", "2019-W25-0123456789", lambda table: table.drop_duplicates(once), target="port_closure"
    )
    record_run(settings, run, now=as_moment("2019-06-17"))
    row = counted(about_of(settings), "live", target="port_closure")
    assert row["pending_by_reason"] == {"no rule of this version resolves such an event": 3}


def test_a_run_that_was_held_back_counts_only_once_it_is_accepted(settings: Settings) -> None:
    run = publish(settings, "2019-06-17", "2019-W25-0123456789")
    told = run.about
    (run.folder / "run.json").write_text(json.dumps({**told, "drift": {"worst": "stop", "stops": ["x"]}}))
    assert not record_run(settings, run, now=as_moment("2019-06-17"))
    about = about_of(settings, record=True)
    assert (about["batches"], about["runs_not_recorded"], about["runs_held_back"]) == (2, [], 1)
    accepted = {"worst": "stop", "stops": ["x"], "accepted": {"why": "checked"}}
    (run.folder / "run.json").write_text(json.dumps({**told, "drift": accepted}))
    assert record_run(settings, run, now=as_moment("2019-06-25"))
    assert counted(about_of(settings), "late")["issued"] == 3
