"""The commands, from a home with a run to messages, on the console and as JSON."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from features.errors import ConfigError, OresightError
from ml import alert_commands, cli_alerts
from ml.runs import current_run, sha256_of
from ml.settings import Settings
from tests.ml.alerts.made_runs import NOW, MadeRun, forecast, made_run, one_hook
from tests.ml.alerts.receivers import Clock, Receiver

Alerts = Callable[..., tuple[int, str]]


def publish(home: Path, run: MadeRun) -> None:
    """Lay a run into a home as the weekly job does."""
    folder = home / "runs" / run.about["run_id"]
    folder.mkdir(parents=True)
    run.forecasts().to_parquet(folder / "forecasts.parquet")
    files = {"forecasts.parquet": sha256_of(folder / "forecasts.parquet")}
    about = {**run.about, "created_at": NOW.isoformat(), "files": files}
    (folder / "run.json").write_text(json.dumps(about))
    (home / "runs" / "current.json").write_text(json.dumps({"run_id": run.about["run_id"]}))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock(NOW)
    monkeypatch.setattr(alert_commands, "_now", found)
    return found


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, empty_database: Path) -> Path:
    found = tmp_path / "home"
    found.mkdir()
    shutil.copy(empty_database, found / "oresight.db")
    publish(found, made_run(forecast(), forecast("nickel", "IDN", 0.45), forecast("tin", "BRA", 0.1)))
    (found / "alerts.toml").write_text(one_hook(receiver.url()))
    return found


@pytest.fixture
def alerts(home: Path, clock: Clock) -> Alerts:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli_alerts.app, [*arguments, "--home", str(home)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return run


def as_json(told: tuple[int, str]) -> Any:
    assert told[0] == 0
    return json.loads(told[1])


def test_from_a_run_to_messages_and_back(alerts: Alerts, receiver: Receiver, home: Path, clock: Clock) -> None:
    assert as_json(alerts("run", "--dry-run", "--json"))["counts"]["raised"] == 2
    assert not receiver.came
    about = as_json(alerts("run", "--json"))
    assert (about["counts"], about["deliveries"]["sent"]) == ({"raised": 2, "updated": 0, "cleared": 0}, 2)
    assert as_json(alerts("run", "--json"))["skipped"].startswith("run run-0 has been read already")
    assert (home / "warnings" / "index.html").exists()
    listed = as_json(alerts("list", "--json"))["warnings"]
    assert [each["mineral"] for each in listed] == ["cobalt", "nickel"]
    name = listed[0]["warning_id"]
    assert (
        as_json(alerts("ack", name.lower(), "--by", "duty", "--note", "called the mine", "--json"))["outcome"]
        == "acknowledged"
    )
    assert "was acknowledged before (duty)" in alerts("ack", name, "--by", "somebody else")[1]
    as_json(alerts("deliver", "--json"))
    shown = as_json(alerts("show", name, "--language", "zh-Hant", "--json"))
    assert [each["kind"] for each in shown["events"]] == ["raised", "acknowledged"]
    assert {each["state"] for each in shown["deliveries"]} == {"sent"}
    assert "called the mine" in shown["text"]
    assert as_json(alerts("list", "--state", "acknowledged", "--mineral", "cobalt", "--json"))["warnings"]
    assert as_json(alerts("list", "--since", "2026-11-24", "--json"))["warnings"] == []
    assert len(receiver.accepted) == 3
    # On the console too.
    code, text = alerts("list")
    assert (code, name in text, "acknowledged" in text) == (0, True, True)
    assert "What was sent" in alerts("show", name)[1]


def test_the_weekly_job_calls_it_by_one_line(home: Path, clock: Clock, receiver: Receiver) -> None:
    settings, said = Settings(home=home), list[str]()
    run = current_run(settings)
    assert run is not None
    about = alert_commands.warn_of_run(settings, run, now=NOW, say=said.append)
    assert (about["queued"], len(receiver.accepted)) == (2, 2)
    assert said == ["Warnings: 2 raised, 0 updated, 0 cleared; 2 deliveries queued; 0 held without figures"]


def test_rules_that_are_wrong_do_not_undo_the_weekly_job(home: Path, clock: Clock, receiver: Receiver) -> None:
    (home / "alerts.toml").write_text("budgt = 1")
    settings, said = Settings(home=home), list[str]()
    run = current_run(settings)
    assert run is not None
    about = alert_commands.warn_of_run(settings, run, now=NOW, say=said.append)
    assert "budgt: there is no such key" in about["failed"]
    assert "oresight alerts run" in said[0]
    assert not receiver.came


def test_what_was_given_up_is_told_by_the_exit_code_and_sent_again(alerts: Alerts, receiver: Receiver) -> None:
    receiver.moods = [410, 410]
    assert alerts("run", "--strict")[0] == 4
    assert alerts("deliver")[0] == 0
    assert alerts("deliver", "--strict")[0] == 4
    again = as_json(alerts("resend", "--dead", "--json"))
    assert (again["queued"], again["deliveries"]["sent"], again["dead"]) == (2, 2, 0)
    assert alerts("deliver", "--strict")[0] == 0
    # Once more, at somebody's wish: the same keys.
    name = as_json(alerts("list", "--json"))["warnings"][0]["warning_id"]
    assert as_json(alerts("resend", name, "--json"))["queued"] == 1
    assert (len(receiver.came), len(receiver.accepted)) == (5, 2)
    with pytest.raises(ConfigError, match="name a warning, or give --dead"):
        alerts("resend")


def test_mutes_are_listed_and_end(alerts: Alerts, receiver: Receiver) -> None:
    alerts("mute", "cobalt/*", "--until", "2026-12-24", "--why", "known")
    alerts("run")
    assert len(receiver.accepted) == 1
    (mute,) = as_json(alerts("list", "--json"))["mutes"]
    assert (mute["pattern"], mute["why"], mute["until"][:10]) == ("cobalt/*", "known", "2026-12-24")
    assert "cobalt/*" in alerts("list")[1]
    assert as_json(alerts("unmute", "cobalt/*", "--json"))["ended"] == 1
    with pytest.raises(OresightError, match="no mute 'cobalt/\\*' is in force"):
        alerts("unmute", "cobalt/*")
    for pattern, until, told in (
        ("cobalt", "2026-12-24", "is no pattern"),
        ("cobalt/COD", "2026-11-01", "is over already"),
        ("W123", "2026-12-24", "is no pattern"),
    ):
        with pytest.raises(ConfigError, match=told):
            alerts("mute", pattern, "--until", until, "--why", "x")


def test_a_drill_is_marked_and_needs_a_row_of_its_tier(alerts: Alerts, receiver: Receiver) -> None:
    about = as_json(alerts("drill", "--tier", "elevated", "--json"))
    assert (about["mineral"], about["deliveries"]["sent"]) == ("nickel", 1)
    assert receiver.bodies()[0]["is_drill"]
    assert " DRILL" in alerts("list")[1]
    with pytest.raises(OresightError, match="no row of tier guarded"):
        alerts("drill", "--tier", "guarded")


def test_a_run_that_does_not_come_is_noticed_by_deliver(
    alerts: Alerts, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    alerts("run")
    clock.now = NOW + dt.timedelta(days=9)
    assert as_json(alerts("deliver", "--json"))["missing_run"]
    assert not as_json(alerts("deliver", "--json"))["missing_run"]
    assert receiver.kinds()[-1] == "warning.held"
    about = as_json(alerts("feed", "--out", str(tmp_path / "feed"), "--json"))
    assert "silence is not all-clear" in Path(about["files"]["page"]).read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ack", "cobalt"), "is no warning"),
        (("ack", "W00000000"), "there is no warning W00000000"),
        (("show", "W00000000"), "there is no warning W00000000"),
        (("list", "--state", "new"), "--state is one of"),
        (("show", "W00000000", "--language", "de"), "--language is en or zh-Hant"),
        (("check-rules", "/not/there.toml"), "there is no file"),
        (("run", "--as-of", "2026-11-16"), "no run for 2026-11-16"),
        (("list", "--mineral", "colbalt"), "no mineral is called 'colbalt'"),
        (("mute", "cobald/*", "--until", "2099-01-01", "--why", "x"), "no mineral is called 'cobald'"),
        (("mute", "cobalt/XXX", "--until", "2099-01-01", "--why", "x"), "no supplier is called 'XXX'"),
    ],
)
def test_wrong_use_is_told(alerts: Alerts, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(OresightError, match=told) as found:
        alerts(*arguments)
    assert found.value.exit_code == (1 if "no run for" in told else 2)


def test_a_warning_is_acknowledged_although_the_rules_are_broken(
    alerts: Alerts, home: Path, receiver: Receiver
) -> None:
    as_json(alerts("run", "--json"))
    (name, *_) = [each["warning_id"] for each in as_json(alerts("list", "--json"))["warnings"]]
    (home / "alerts.toml").write_text("budgt = 1")
    sent = len(receiver.accepted)
    assert "are withdrawn (duty)" in alerts("ack", name, "--by", "duty")[1]
    (home / "alerts.toml").write_text(one_hook(receiver.url()))
    as_json(alerts("deliver", "--json"))
    assert as_json(alerts("show", name, "--json"))["warning"]["state"] == "acknowledged"
    assert len(receiver.accepted) == sent


def test_the_packaged_and_own_rules_are_checked(alerts: Alerts, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = alerts("check-rules", "--strict")
    assert (code, "group desk: hook (webhook)" in text) == (0, True)
    (home / "alerts.toml").write_text(one_hook("${env:NOT_SET_HERE}"))
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    code, text = alerts("check-rules", "--strict")
    assert (code, "PROBLEM" in text) == (4, True)


def test_what_cron_calls_every_few_minutes_loads_no_models_and_no_charts() -> None:
    code = "import sys, ml.alert_commands; print(*({'altair', 'lightgbm', 'mlflow', 'sklearn'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
