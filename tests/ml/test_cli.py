"""The command line: help, exit codes, messages that name what is wrong, and JSON that every program can read."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer

from features import datasets
from features.bundle import __file__ as bundle_file
from features.collection import SOURCES
from features.collection.payloads import quarantined
from features.errors import ConfigError
from features.knowledge_time import UTC, as_moment
from features.panel import feature_names
from features.store import Store
from ml import ablation, cli, demo, registry, source_commands, studies
from ml.knowledge import Knowledge
from ml.settings import Settings
from ml.studies import BacktestResult
from models.gradient_boosting import Parameters
from tests.ml.conftest import FIRST_WEEK, LATER_WEEK

BUNDLE = Path(bundle_file).parent
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
# Every command that does something: those of a group are called by both names.
LEAVES = {
    " ".join(filter(None, (name, own))): leaf
    for name, command in COMMANDS.items()
    for own, leaf in getattr(command, "commands", {"": command}).items()
}
WITHOUT_STORE = {"demo", "news evaluate"}
# It answers until it is stopped, and over HTTP.
WITHOUT_RESULT = {"serve"}
HEAVY = ("pandas", "numpy", "lightgbm", "mlflow", "duckdb", "sklearn", "altair", "scipy", "pyarrow", "pandera")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything said, as one line."""
        return " ".join((self.out + self.err).split())

    def json(self) -> Any:
        assert self.code == 0, self.said
        return json.loads(self.out, parse_constant=refuse)


def refuse(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, oresight: Callable[..., tuple[int, str, str]]) -> Ask:
    """Run a command as the installed program would, in an empty working folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Answer:
        answer = Answer(*oresight(*arguments))
        assert not (tmp_path / "work" / ".oresight").exists()
        return answer

    return run


# ---- help ----------------------------------------------------------------------------------------


def test_the_commands_are_those_of_the_design_that_are_built() -> None:
    wanted = {"weekly", "backtest", "ablation", "train", "explain", "panel", "dataset", "sources", "ingest", "verify"}
    taking_in = {"collect", "ingest-dir", "rebuild", "revisions"}
    studies_of = {"fresher-trade", "lead-time", "monthly-supply", "price-spikes", "production-drops"}
    studies_of |= {"restriction-onset", "event-worth", "cases", "experiment", "search"}
    studies_of |= {"generalisation", "label-noise", "learning-curves", "intervals", "scorecard"}
    standing = {"models", "challenge", "promote", "rollback", "hindcast", "track-record", "drift"}
    telling = {"publish", "database", "serve", "keys", "alerts", "deploy-files"}
    others = {"demo", "news", "measures", "supplier"}
    assert set(COMMANDS) == wanted | others | taking_in | studies_of | standing | telling
    assert {name for name in LEAVES if name.startswith("news ")} == {
        f"news {name}" for name in ("feeds", "list", "link", "evaluate")
    }
    assert {name for name in LEAVES if name.startswith("measures ")} == {
        f"measures {name}" for name in ("list", "counts", "coverage", "candidates", "review")
    }


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_command_and_option_says_what_it_does_and_the_command_is_in_the_docs(
    name: str, ask: Ask, repo_root: Path
) -> None:
    command = LEAVES[name]
    assert (command.help or "").strip().endswith(".")
    options = {option for parameter in command.params for option in parameter.opts}
    for parameter in command.params:
        assert parameter.name == "help" or getattr(parameter, "help", None), parameter.name
    assert "--json" in options or name in WITHOUT_RESULT
    assert "--home" in options or name in WITHOUT_STORE
    answer = ask(*name.split(), "--help")
    assert answer.code == 0
    assert "Usage: " in answer.out
    pages = [repo_root / "README.md", *(repo_root / "docs").rglob("*.md")]
    text = "\n".join(page.read_text() for page in pages if page.exists())
    assert f"oresight {name}" in text


def test_help_lists_every_command_and_nothing_at_all_shows_the_help(ask: Ask) -> None:
    answer = ask("--help")
    assert answer.code == 0
    assert all(re.search(rf"\b{name}\b", answer.out) for name in COMMANDS)
    alone = ask()
    assert "Usage: " in alone.said
    assert alone.code == 2


def test_the_help_of_dataset_names_all_datasets(ask: Ask) -> None:
    from features.datasets import DATASETS

    assert cli.DATASETS_HELP.rstrip(".").replace(" or ", ", ").split(", ") == list(DATASETS)
    assert "news_coverage" in ask("dataset", "--help").out


def test_the_command_line_loads_no_heavy_library(repo_root: Path) -> None:
    code = f"import sys, ml.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=repo_root, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


# ---- wrong use: exit code 2 ----------------------------------------------------------------------

NEXT_MONDAY = dt.datetime.now(UTC).date() + dt.timedelta(days=7 - dt.datetime.now(UTC).weekday())
WRONG_USE = [
    (["forecast"], "No such command 'forecast'"),
    (["weekly", "--week", "1"], "No such option"),
    (["weekly", "--top", "-1"], "Invalid value for '--top'"),
    (["weekly", "--as-of", "2019-06-04"], "2019-06-04 is not a Monday; the Monday of its week is 2019-06-03"),
    (["weekly", "--as-of", NEXT_MONDAY], "is in the future; the latest week is"),
    (["weekly", "--as-of", "2004-12-27"], "before the first week that can be replayed, 2005-01-03"),
    (["weekly", "--as-of", "June"], "'June' is not a date; write it as YYYY-MM-DD"),
    (["train", "--as-of", NEXT_MONDAY], "is in the future"),
    (["train", "--as-of", "2003-06-02"], "too early to train for; the first week is 2005-01-03"),
    (["train", "--signals", "trade,weather"], "unknown signal(s) weather; there are trade, "),
    (["dataset", "tea", "--out", "f.parquet"], "no dataset is called 'tea'; there are trade, "),
    (["dataset", "trade"], "Missing option '--out'"),
    (["dataset", "trade", "--out", "f.csv"], "f.csv: the file is Parquet"),
    (["dataset", "trade", "--out", "f.parquet", "--as-of", NEXT_MONDAY], "is in the future"),
    (["panel", "--out", "f.parquet", "--as-of", NEXT_MONDAY], "is in the future"),
    (["panel", "--out", "f.xlsx", "--as-of", "1990-01-01"], "give it a name that ends in .parquet"),
    (["ingest", "tea", "f.csv"], "no source is called 'tea'; there are baci, wgi, "),
    (["ingest-dir", "nowhere"], "nowhere is no folder"),
    (["collect", "tea"], "no source is called 'tea'; there are baci, wgi, "),
    (["collect", "baci"], "baci cannot be collected: CEPII serves no file for programs"),
    (["sources", "tea"], "no source is called 'tea'"),
    (["revisions", "tea"], "no dataset is called 'tea'; there are trade, "),
    (["revisions", "prices", "--source", "tea"], "no source is called 'tea'"),
    (["revisions", "prices", "--since", "June"], "'June' is not a date"),
    (["rebuild", "--without", "tea.csv"], "no kept file is 'tea.csv'"),
    (["ingest", "baci"], "Missing argument"),
    (["backtest", "--out", "o", "--target", "price"], "unknown target(s) price; there are supply_drop, "),
    (["backtest", "--out", "o", "--target", "price_spike", "--last", "2020"], "there is no --last"),
    (["backtest", "--out", "o", "--first", "1999"], "origin 1999 is too early"),
    (["ablation", "--out", "o", "--last", "2005"], "the last origin year 2005 is before the first, 2006"),
    (["explain", "unobtainium", "COD"], "there is no mineral 'unobtainium'; minerals are "),
    (["explain", "cobalt", "CONGO"], "there is no country 'CONGO'; "),
    (["explain", "cobalt", "COD", "--target", "price"], "'price' is none of supply_drop, severe_supply_drop"),
    (["explain", "cobalt", "COD", "--horizon", "week"], "'week' is none of current_year, next_year"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG_USE, ids=[" ".join(map(str, line)) for line, _ in WRONG_USE])
def test_wrong_use_ends_with_2_and_says_what_there_is(
    ask: Ask, trained_home: Path, arguments: list[object], message: str
) -> None:
    before = sorted((trained_home / "runs").iterdir())
    answer = ask(*arguments, *(["--home", trained_home] if arguments[0] in COMMANDS else []))
    assert answer.code == 2, answer.said
    assert message in answer.said.replace(" │ ", " ")
    assert "Traceback" not in answer.said
    assert answer.out == ""
    assert sorted((trained_home / "runs").iterdir()) == before
    assert not list(Path.cwd().iterdir())


def test_a_wrong_setting_ends_with_2(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORESIGHT_WORKERS", "0")
    answer = ask("sources", "--home", tmp_path / "home")
    assert answer.code == 2
    assert "setting workers: " in answer.said
    assert not (tmp_path / "home").exists()


# ---- bad input: exit code 3 ----------------------------------------------------------------------

HEADER = "t,i,j,k,v,q"
GOOD_ROW = "2006,180,56,282200,10.5,2.5"


def text_file(*lines: str) -> Callable[[Path], None]:
    return lambda path: path.write_text("\n".join(lines) + "\n") and None


def truncated_parquet(path: Path) -> None:
    data = (BUNDLE / "baci.parquet").read_bytes()
    path.write_bytes(data[: len(data) // 2])


BAD_FILES = [
    ("cut.parquet", truncated_parquet, ["cut.parquet", "damaged or cut off"]),
    ("nothing.csv", lambda path: path.write_bytes(b""), ["nothing.csv", "found an empty file"]),
    ("header.csv", text_file(HEADER), ["header.csv", "expected rows, found a header only"]),
    ("other.csv", text_file("year,from,to", "2006,180,56"), ["other.csv, header", HEADER, "found year,from,to"]),
    (
        "negative.csv",
        text_file(HEADER, GOOD_ROW, "2006,180,156,282200,10.5,-2.5"),
        ["negative.csv, row 2, field quantity_tonnes", "a negative or unreadable quantity", "nothing was stored"],
    ),
    (
        "country.csv",
        text_file(HEADER, GOOD_ROW, GOOD_ROW.replace("56", "156"), "2006,999999,156,282200,10.5,2.5"),
        ["country.csv, row 3, field i", "999999", "an unknown country code"],
    ),
    (
        "future.csv",
        text_file(HEADER, f"{dt.datetime.now(UTC).year + 1},180,56,282200,10.5,2.5"),
        ["future.csv, row 1, field t", "a year that has not ended"],
    ),
    (
        "too-fresh.csv",
        text_file(HEADER, f"{dt.datetime.now(UTC).year - 1},180,56,282200,10.5,2.5"),
        ["too-fresh.csv, dataset trade", "can be known only from"],
    ),
    (
        "word.csv",
        text_file(HEADER, "2006,180,56,282200,much,2.5"),
        ["word.csv, row 1, field value_usd", "no readable value"],
    ),
    ("absent.csv", lambda path: None, ["absent.csv", "Check the path"]),
]


@pytest.fixture
def home(cut_home: Callable[[str], Path], copy_of: Callable[[Path], Path]) -> Path:
    """A home of its own with the data known in mid-2006."""
    return copy_of(cut_home("2006-06-05"))


@pytest.mark.parametrize(("name", "make", "words"), BAD_FILES, ids=[name for name, *_ in BAD_FILES])
def test_a_bad_payload_ends_with_3_names_file_and_row_and_changes_nothing(
    ask: Ask, home: Path, tmp_path: Path, name: str, make: Callable[[Path], None], words: list[str]
) -> None:
    store, always = Store(home / "datasets"), dt.datetime.now(UTC)
    before, files = store.digest(as_of=always), sorted((home / "datasets").rglob("*"))
    make(tmp_path / name)
    answer = ask("ingest", "baci", tmp_path / name, "--home", home)
    assert answer.code == 3, answer.said
    for word in words:
        assert word in answer.said
    assert "Traceback" not in answer.said
    assert store.digest(as_of=always) == before
    assert sorted((home / "datasets").rglob("*")) == files
    # What there was to refuse lies in the quarantine, and nowhere else.
    payload = tmp_path / name
    refused = [payload] if payload.exists() and payload.stat().st_size else []
    assert [path.read_bytes() for path in (home / "payloads").rglob(name)] == [path.read_bytes() for path in refused]
    assert [entry.file for entry in quarantined(home / "payloads", "baci")] == [path.name for path in refused]


def test_a_good_payload_is_taken_once(ask: Ask, home: Path, tmp_path: Path) -> None:
    text_file(HEADER, GOOD_ROW)(tmp_path / "good.csv")
    arguments = ("ingest", "baci", tmp_path / "good.csv", "--home", home, "--released", "2008-03-01")
    assert "good.csv: added 1 rows of trade; 0 rejected" in ask(*arguments).said
    (receipt,) = ask(*arguments, "--json").json()
    assert (receipt["source"], receipt["file"], receipt["added"]) == ("baci", "good.csv", {"trade": 0})
    trade = Store(home / "datasets").read("trade", as_of=as_moment("2008-03-01"))
    (row,) = trade[trade["year"].eq(2006)].to_dict("records")
    assert (row["supplier"], row["importer"], row["quantity_tonnes"]) == ("COD", "BEL", 2.5)
    # Due in February, and not in the release before, which ended with what was known in mid-2006.
    assert row["available_at"] == pd.Timestamp("2008-02-01", tz="UTC")


# ---- other exit codes ----------------------------------------------------------------------------


def test_stale_data_end_with_4_only_when_strict(ask: Ask, trained_home: Path, copy_of: Callable[[Path], Path]) -> None:
    home = copy_of(trained_home)
    week = ("weekly", "--as-of", FIRST_WEEK, "--home", home)
    assert ask(*week, "--strict").code == 0
    (about,) = (home / "runs").glob("2005-W01-*/run.json")
    facts = json.loads(about.read_text())
    assert facts["stale"] == 0
    about.write_text(json.dumps({**facts, "stale": 7}))
    answer = ask(*week, "--strict")
    assert answer.code == 4
    assert "7 stale" in answer.said
    assert ask(*week).code == 0


def test_without_a_run_there_is_nothing_to_explain_or_verify(ask: Ask, home: Path) -> None:
    for arguments, told in (
        (("explain", "cobalt", "COD"), "no run has been published"),
        (("verify",), "nothing is on"),
    ):
        answer = ask(*arguments, "--home", home)
        assert answer.code == 1
        assert told in answer.said
        assert "run `oresight weekly` first" in answer.said


def test_a_traceback_is_shown_only_when_asked_for(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ("weekly", "--as-of", "2019-06-04", "--home", tmp_path / "home")
    assert ask(*wrong).code == 2
    with pytest.raises(ConfigError, match="not a Monday"):
        ask("--debug", *wrong)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(source_commands, "list_sources", fail)
    answer = ask("sources")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("oresight: ZeroDivisionError: a mistake of ours; ")
    assert "--debug" in answer.err
    with pytest.raises(ZeroDivisionError):
        ask("--debug", "sources")


def test_a_home_that_cannot_be_made_is_said_in_one_line(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = ask("sources", "--home", tmp_path / "file" / "home")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert str(tmp_path / "file") in answer.err


def test_an_interrupt_ends_with_130(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(source_commands, "list_sources", interrupt)
    answer = ask("sources")
    assert answer.code == 130
    assert "Traceback" not in answer.said


# ---- what the commands give ----------------------------------------------------------------------


def test_weekly_prints_the_top_of_the_table_and_where_the_files_lie(ask: Ask, trained_home: Path) -> None:
    week = ("weekly", "--as-of", LATER_WEEK, "--home", trained_home)
    about = ask(*week, "--json").json()
    assert about["is_new"] is False
    assert (about["as_of"], about["week"], about["kind"]) == (LATER_WEEK, "2010-W23", "live")
    table = pd.read_parquet(about["parquet"])
    assert len(table) == about["rows"] == len(pd.read_csv(about["csv"]))
    answer = ask(*week, "--top", "3")
    assert answer.code == 0
    top = table[table["target"].eq("supply_drop") & table["horizon"].eq("current_year")].head(4)
    for row, is_shown in zip(top.itertuples(), (True, True, True, False), strict=True):
        assert (f"{row.mineral} " in answer.out and f"{row.p_low:.0%}-{row.p_high:.0%}" in answer.out) or not is_shown
    assert "main reason" in answer.out
    for path in (about["parquet"], about["csv"], about["report"]):
        assert path in answer.out
    assert "published already" in answer.err
    bare = ask(*week, "--top", "0")
    assert "main reason" not in bare.out
    assert f"Unchanged run {about['run_id']} (live)" in bare.out


def test_explain_gives_the_published_numbers_and_parts_that_sum_to_the_score(ask: Ask, trained_home: Path) -> None:
    found = ask("explain", "cobalt", "cod", "--as-of", LATER_WEEK, "--home", trained_home, "--json").json()
    (folder,) = (trained_home / "runs").glob("2010-W23-*")
    table = pd.read_parquet(folder / "forecasts.parquet").set_index(["target", "horizon", "mineral", "supplier"])
    row = table.loc[("supply_drop", "current_year", "cobalt", "COD")]
    assert found["run_id"] == folder.name
    assert found["forecast"]["probability"] == pytest.approx(row["probability"])
    assert found["forecast"]["driver_1"] == row["driver_1"]
    assert sum(found["by_signal_log_odds"].values()) == pytest.approx(found["raw_score_log_odds"])
    sizes = [abs(part["contribution"]) for part in found["features"]]
    assert sizes == sorted(sizes, reverse=True)
    total = sum(part["contribution"] for part in found["features"]) + found["by_signal_log_odds"]["base"]
    assert total == pytest.approx(found["raw_score_log_odds"])
    other = ask(
        "explain", "cobalt", "COD", "--horizon", "next_year", "--target", "severe_supply_drop", "--home", trained_home
    )
    assert other.code == 0
    assert "severe_supply_drop, next_year" in other.out
    text = ask("explain", "cobalt", "COD", "--home", trained_home, "--top", "2")
    assert row["driver_1"] in " ".join(text.out.split())
    assert f"P = {row['probability']:.1%}" in text.out
    assert "raw score" in text.out


def test_explain_says_why_there_is_no_number(ask: Ask, trained_home: Path) -> None:
    answer = ask("explain", "cobalt", "CHE", "--home", trained_home)
    assert answer.code == 1
    assert "from Switzerland is not tracked in run" in answer.said
    assert "Tracked suppliers: " in answer.said
    (folder,) = (trained_home / "runs").glob("2010-W23-*")
    table = pd.read_parquet(folder / "forecasts.parquet")
    held = table[table["abstained"]].iloc[0]
    answer = ask("explain", held["mineral"], held["supplier"], "--home", trained_home)
    assert answer.code == 0
    assert f"No forecast: {held['reason']}" in answer.said
    assert ask("explain", held["mineral"], held["supplier"], "--home", trained_home, "--json").json()


@pytest.mark.slow
def test_panel_writes_the_features_as_known_on_the_date(ask: Ask, trained_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "panel.parquet"
    about = ask("panel", "--as-of", FIRST_WEEK, "--out", out, "--home", trained_home, "--json").json()
    panel = pd.read_parquet(out)
    assert (about["rows"], about["features"], about["as_of"]) == (len(panel), len(feature_names()), FIRST_WEEK)
    assert set(feature_names()) <= set(panel.columns)
    assert panel["as_of"].eq(pd.Timestamp(FIRST_WEEK, tz="UTC")).all()
    assert list(out.parent.iterdir()) == [out]
    (folder,) = (trained_home / "runs").glob("2005-W01-*")
    pairs = pd.read_parquet(folder / "forecasts.parquet")[["mineral", "supplier"]].drop_duplicates()
    assert len(pairs.merge(panel[["mineral", "supplier"]])) == len(panel) == len(pairs)


@pytest.mark.parametrize("name", list(datasets.DATASETS))
def test_dataset_writes_what_was_known_and_no_more(ask: Ask, trained_home: Path, name: str) -> None:
    out = Path("f.parquet")
    about = ask("dataset", name, "--as-of", "2009-06-01", "--out", out, "--home", trained_home, "--json").json()
    rows = pd.read_parquet(out)
    out.unlink()
    store = Store(trained_home / "datasets")
    wanted = store.read(name, as_of=as_moment("2009-06-01"))
    pd.testing.assert_frame_equal(rows, wanted)
    assert about == {"dataset": name, "rows": len(wanted), "as_of": "2009-06-01", "out": "f.parquet"}
    assert list(rows.columns) == datasets.dataset(name).columns
    if name == "trade":
        plain = ask("dataset", name, "--as-of", "1990-01-01", "--out", out, "--home", trained_home)
        assert "0 rows of trade as known on 1990-01-01: f.parquet" in plain.out
        nothing = pd.read_parquet(out)
        out.unlink()
        assert nothing.dtypes.equals(rows.dtypes)


def test_sources_lists_every_source_with_its_lag_licence_and_age(ask: Ask, trained_home: Path) -> None:
    rows = ask("sources", "--home", trained_home, "--json").json()
    assert [row["name"] for row in rows] == list(SOURCES)
    rows = [row for row in rows if row["is_embedded"]]
    assert [row["name"] for row in rows] == ["baci", "wgi", "world_mining_data", "events", "sanction_programmes"]
    for row in rows:
        assert all(row[key] for key in ("publisher", "address", "licence", "citation", "lag_rule", "fills", "takes"))
        assert as_moment(row["newest_known_on"]) <= dt.datetime.now(UTC)
    assert rows[0]["newest_known_on"] >= "2026-02-01"
    text = ask("sources", "--home", trained_home)
    assert all(row["name"] in text.out and row["newest_known_on"] in text.out for row in rows)


def test_verify_passes_what_was_published_and_notices_a_single_byte(
    ask: Ask, trained_home: Path, copy_of: Callable[[Path], Path]
) -> None:
    home = copy_of(trained_home)
    (folder,) = (home / "runs").glob("2010-W23-*")
    about = ask("verify", "--home", home, "--json").json()
    assert about["faults"] == []
    assert about["runs_published"] == len(list((home / "runs").glob("*/run.json")))
    for path in sorted(folder.iterdir()):
        if path.name == "run.json":
            continue
        kept = path.read_bytes()
        path.write_bytes(kept[:50] + bytes([kept[50] ^ 1]) + kept[51:])
        answer = ask("verify", "--home", home)
        assert answer.code == 3
        assert f"{folder.name}/{path.name}" in answer.out + answer.said
        path.write_bytes(kept)
    assert ask("verify", "--home", home).code == 0


@pytest.mark.slow
def test_train_registers_a_model_and_promotes_it_only_when_asked(
    ask: Ask, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "Parameters", lambda: Parameters(rounds=3))
    about = ask("train", "--as-of", "2005-01-03", "--signals", "trade,governance", "--home", home, "--json").json()
    assert (about["trained_as_of"], about["champion"]) == ("2005-01-03", False)
    assert about["signals"] == ["trade", "governance"]
    assert not (home / "promotions.jsonl").exists()
    answer = ask("train", "--as-of", "2005-01-03", "--promote", "--reason", "because", "--home", home)
    assert "now champion" in answer.out
    (line,) = (home / "promotions.jsonl").read_text().splitlines()
    assert json.loads(line)["reason"] == "because"


def test_backtest_and_ablation_pass_on_what_they_were_asked(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Path, dict[str, Any]]] = []

    def fake(out: Path, **options: Any) -> BacktestResult:
        calls.append((out, options))
        return BacktestResult(pd.DataFrame(), {"champion": "lightgbm"}, "| the table |")

    monkeypatch.setattr(studies, "backtest", fake)
    line = "backtest --out o --target supply_drop --first 2010 --last 2012 --draws 7 --as-of 2020-02-03 --no-log"
    answer = ask(*line.split(), "--signals", "governance", "--home", "h")
    assert "| the table |" in answer.out
    assert "o/report.html" in answer.out
    assert ask("backtest", "--out", "o", "--json").json() == {"champion": "lightgbm"}
    wanted = {
        "targets": ["supply_drop"],
        "first": 2010,
        "last": 2012,
        "draws": 7,
        # Trade tells which pairs there are, so it is always among them.
        "signals": ("trade", "governance"),
        "as_of": "2020-02-03",
        "log": False,
        "home": Path("h"),
    }
    assert calls[0] == (Path("o"), wanted)
    assert calls[1][1]["signals"] is None  # the champion's
    asked: list[dict[str, Any]] = []

    def other(out: Path, **options: Any) -> ablation.AblationResult:
        asked.append(options)
        return ablation.AblationResult([], {"rows": [{"added": "trade"}]}, "| families |")

    monkeypatch.setattr(ablation, "ablate", other)
    assert "| families |" in ask("ablation", "--out", "o", "--first", "2010", "--last", "2012", "--draws", "7").out
    line = "ablation --out o --target price_spike --as-of 2020-02-03 --page p.md --json"
    assert ask(*line.split()).json() == {"rows": [{"added": "trade"}]}
    usual = {"target": "all", "first": None, "last": None, "draws": 300, "as_of": None, "page": None, "home": None}
    assert [{name: value for name, value in each.items() if name != "say"} for each in asked] == [
        usual | {"first": 2010, "last": 2012, "draws": 7},
        usual | {"target": "price_spike", "as_of": "2020-02-03", "page": Path("p.md")},
    ]


@pytest.mark.slow
def test_demo_holds_a_past_week_against_what_happened(
    ask: Ask, trained_home: Path, knowledge_at: Callable[[str], Knowledge], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The prepared home in place of a temporary one, and a week that is published there and resolved in 2012.
    monkeypatch.setattr(demo, "DEMO_WEEK", LATER_WEEK)
    monkeypatch.setattr(demo, "Knowledge", lambda store, now: knowledge_at("2012-03-05"))
    monkeypatch.setattr(demo, "load_settings", lambda home: Settings(home=trained_home))
    found = ask("demo", "--json").json()
    assert found["as_of"] == LATER_WEEK
    assert found["resolved"] == sum(group["n"] for group in found["tenths"]) > 400
    assert len(found["tenths"]) == 10
    forecast = [group["forecast"] for group in found["tenths"]]
    assert forecast == sorted(forecast, reverse=True)
    assert found["tenths"][0]["happened"] > found["base_rate"] > found["tenths"][-1]["happened"]
    overall = sum(group["happened"] * group["n"] for group in found["tenths"]) / found["resolved"]
    assert overall == pytest.approx(found["base_rate"])
    assert all(row["label"] in (0.0, 1.0) for row in found["top"])
    text = ask("demo")
    assert f"Forecast on {LATER_WEEK}, and what the year brought" in text.out


# ---- as a program --------------------------------------------------------------------------------


@pytest.mark.slow
def test_as_a_program_it_ends_with_the_same_code_and_line(tmp_path: Path, repo_root: Path) -> None:
    command = [sys.executable, "-m", "ml.cli", "weekly", "--as-of", "2019-06-04", "--home", str(tmp_path / "home")]
    answer = subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert answer.stderr == "oresight: 2019-06-04 is not a Monday; the Monday of its week is 2019-06-03\n"
    assert not (tmp_path / "home").exists()


def test_an_interrupt_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    @cli.app.command("wait-to-be-interrupted", hidden=True)
    def wait() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(sys, "argv", ["oresight", "wait-to-be-interrupted"])
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        cli.app.registered_commands.pop()
    assert ended.value.code == 130
    assert capsys.readouterr().err.splitlines()[-1] == "oresight: stopped; nothing half-done was published"
