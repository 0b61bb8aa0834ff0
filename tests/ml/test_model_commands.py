"""From a trained challenger to champion and back, by the commands; and its shadow beside the weekly run."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.errors import ConfigError, ContractError, OresightError
from features.knowledge_time import UTC, as_moment
from features.signals.declaration import Feature, Signal
from ml import cli_models, registry, shadow, tracking
from ml.contract import COLUMNS, check_forecasts
from ml.knowledge import Knowledge, open_store
from ml.promotion import canaries, judging
from ml.promotion.gates import Gate
from ml.registry import aliases, model_contract
from ml.registry.promotion_log import add_lines, read_log
from ml.runs import Run
from ml.settings import Settings
from models.gradient_boosting import Parameters
from tests.ml.conftest import FIRST_WEEK

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def contest(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion, registered as 1, and another model, registered as 2."""
    home = tmp_path_factory.mktemp("contest") / "home"
    shutil.copytree(trained_home, home, ignore=shutil.ignore_patterns("mlartifacts"))
    settings = Settings(home=home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "Parameters", lambda: Parameters(rounds=3))
        store = open_store(settings, now=dt.datetime.now(UTC))
        registry.train(
            settings,
            store,
            as_moment("2005-01-03"),
            promote=False,
            now=as_moment("2005-01-03"),
            say=lambda line: None,
            signals=("trade", "governance"),
        )
    return home


@pytest.fixture
def home(contest: Path, copy_of: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORESIGHT_ANALYST", "A. Nalyst")
    return copy_of(contest)


def ask(*arguments: object) -> Any:
    """Run a command with --json; give what it printed, with its exit code as `code`."""
    answer = CliRunner().invoke(cli_models.app, [*map(str, arguments), "--json"])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    told = json.loads(answer.stdout)
    return told | {"code": answer.exit_code} if isinstance(told, dict) else told


def evidence_in(folder: Path, *, gain: float) -> Path:
    """Write backtests of both: the champion's log-odds know nothing, the challenger's as much as `gain`."""
    rows = [
        {
            "target": "supply_drop",
            "horizon": "current_year",
            "mineral": f"m{mineral}",
            "supplier": f"s{supplier}",
            "as_of": pd.Timestamp(f"{year}-07-16", tz="UTC"),
            "label": float((mineral + supplier + year) % 4 == 0),
            "onset": True,
            "is_major": False,
            "is_transit": False,
        }
        for mineral in range(12)
        for supplier in range(6)
        for year in range(2010, 2017)
    ]
    facts = pd.DataFrame(rows)
    for name, own in (("champion", 0.0), ("challenger", gain)):
        p = 0.25 + own * (facts["label"] - 0.25)
        tables = [facts.assign(model="lightgbm", probability=p), facts.assign(model="pair_history", probability=0.25)]
        (folder / name).mkdir(parents=True)
        pd.concat(tables).to_parquet(folder / name / "predictions.parquet")
    return folder


@pytest.fixture
def _canaries_sing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "canary_gates", lambda *_, **__: [Gate("leak", "a", "b", "passed")])


def champion_of(home: Path) -> str:
    with tracking.mlflow_at(Settings(home=home)) as mlflow:
        assert aliases.disagreements(mlflow.MlflowClient(), home) == []
        found = aliases.version_at(mlflow.MlflowClient(), "champion")
    return str(found.version) if found else ""


@pytest.mark.usefixtures("_canaries_sing")
def test_refused_forced_and_rolled_back(home: Path, tmp_path: Path) -> None:
    evidence = evidence_in(tmp_path / "evidence", gain=0.0)
    refused = ask("promote", "2", "--evidence", evidence, "--home", home)
    assert (refused["code"], refused["verdict"], refused["is_promoted"]) == (1, "refused", False)
    assert "gain" in refused["refused_by"]
    assert champion_of(home) == "1"
    assert len(read_log(home)) == 1
    assert json.loads((Path(refused["record"]) / "record.json").read_text())["refused_by"] == refused["refused_by"]

    with pytest.raises(ConfigError, match="--force overrules gates: say why"):
        ask("promote", "2", "--evidence", evidence, "--force", "--home", home)
    forced = ask("promote", "2", "--evidence", evidence, "--force", "--why", "a new source", "--home", home)
    assert (forced["code"], forced["is_promoted"], forced["promotion_line"]) == (0, True, 2)
    line = read_log(home)[1]
    assert (line.from_registered_as, line.registered_as, line.forced, line.reason) == ("1", "2", True, "a new source")
    assert line.by == "A. Nalyst"
    assert line.evidence is not None
    assert json.loads((home / line.evidence).read_text())["forced"] is True
    assert champion_of(home) == "2"
    with pytest.raises(ConfigError, match="is champion already"):
        ask("promote", "2", "--home", home)

    back = ask("rollback", "--why", "it was worse", "--home", home)
    assert (back["code"], back["action"], back["registered_as"], back["from_registered_as"]) == (
        0,
        "rolled_back",
        "1",
        "2",
    )
    assert champion_of(home) == "1"
    with pytest.raises(ConfigError, match="there was no champion before the present one"):
        ask("rollback", "--why", "once more", "--home", home)
    assert ask("rollback", "--to", "2", "--why", "it was better", "--home", home)["registered_as"] == "2"

    told = ask("models", "--home", home)
    by_number = {row["registered_as"]: row for row in told["models"]}
    assert by_number["2"]["aliases"] == ["champion"]
    assert by_number["2"]["signals"] == ["trade", "governance"]
    assert [entry["forced"] for entry in by_number["2"]["promotions"]] == [True, False]
    assert by_number["1"]["contract_differences"] == []
    assert told["disagreements"] == []
    # Each champion's own pair history was registered once, and the newest champion's is the baseline.
    baselines = {row["version"]: row for row in told["models"] if row["kind"] == "pair_history"}
    assert {by_number["1"]["version"], by_number["2"]["version"]} == set(baselines)
    assert baselines[by_number["2"]["version"]]["aliases"] == ["baseline"]
    with pytest.raises(ConfigError, match="is the baseline, pair history"):
        ask("promote", "baseline", "--home", home)
    text = CliRunner().invoke(cli_models.app, ["models", "--home", str(home)]).stdout
    assert "champion" in text
    assert "(forced)" in text


@pytest.mark.usefixtures("_canaries_sing")
def test_a_dry_run_shows_the_gates_and_changes_nothing(home: Path, tmp_path: Path) -> None:
    evidence = evidence_in(tmp_path / "evidence", gain=0.03)
    before = (home / "promotions.jsonl").read_bytes()
    told = ask("promote", "2", "--evidence", evidence, "--dry-run", "--max-ece", "1", "--home", home)
    gates = {gate["name"]: gate["verdict"] for gate in told["gates"]}
    assert (gates["contract"], gates["origins"], gates["gain"], gates["slices"]) == ("passed",) * 4
    assert not told["is_promoted"]
    assert (home / "promotions.jsonl").read_bytes() == before
    assert not (home / "promotions").exists()
    text = (
        CliRunner()
        .invoke(cli_models.app, ["promote", "2", "--evidence", str(evidence), "--dry-run", "--home", str(home)])
        .stdout
    )
    assert "It would be refused by: calibration" in text


def test_another_champion_made_meanwhile_is_not_overwritten(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = evidence_in(tmp_path / "evidence", gain=0.03)

    def meanwhile(*_: Any, **__: Any) -> list[Gate]:
        (first,) = read_log(home)
        told = {name: getattr(first, name) for name in first.__slots__}
        add_lines(home, [type(first)(**{**told, "registered_as": "2", "version": version})])
        return []

    version = next(row["version"] for row in ask("models", "--home", home)["models"] if row["registered_as"] == "2")
    monkeypatch.setattr(canaries, "canary_gates", meanwhile)
    with pytest.raises(OresightError, match=r"the champion was 1 when this began and is 2 now, as line 2"):
        ask("promote", "2", "--evidence", evidence, "--force", "--why", "x", "--home", home)
    assert len(read_log(home)) == 2


def test_not_even_force_makes_a_model_champion_that_could_not_serve(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = model_contract.features_of

    def declared(signals: Sequence[Signal]) -> list[Feature]:
        return [replace(each, unit="other") if each.name.startswith("governance") else each for each in real(signals)]

    monkeypatch.setattr(model_contract, "features_of", declared)
    told = ask("promote", "2", "--force", "--why", "x", "--home", home)
    assert (told["code"], told["is_promoted"], told["refused_by"]) == (1, False, ["contract"])
    (gate,) = told["gates"]
    assert "feature governance" in gate["found"]
    assert champion_of(home) == "1"
    with pytest.raises(ContractError, match="feature governance"):
        ask("challenge", "2", "--why", "x", "--home", home)
    by_number = {row["registered_as"]: row for row in ask("models", "--home", home)["models"]}
    assert by_number["1"]["contract_differences"] == []
    assert all("feature governance" in told for told in by_number["2"]["contract_differences"])


@pytest.mark.parametrize(
    ("change", "is_same"),
    [({}, True), ({"features": ["a"]}, False), ({"rounds": 3}, False), ({"trained": "2019-01-07"}, False)],
)
def test_the_same_recipe_trained_later_is_told(change: dict[str, Any], is_same: bool) -> None:
    def served(*, features: tuple[str, ...] | list[str] = ("a", "b"), rounds: int = 2, trained: str) -> Any:
        part = SimpleNamespace(parts=lambda: (SimpleNamespace(parameters=Parameters(rounds=rounds)), None))
        forecaster = SimpleNamespace(features=list(features), parts={("t", 2): part})
        return SimpleNamespace(forecaster=forecaster, trained_as_of=as_moment(trained))

    champion, challenger = served(trained="2020-01-06"), served(**{"trained": "2020-04-06", **change})
    assert judging._is_same_recipe(champion, challenger) is is_same


def test_models_are_named_by_number_digest_or_alias(home: Path, tmp_path: Path) -> None:
    assert ask("models", "--home", tmp_path / "empty") == {"models": [], "disagreements": [], "code": 0}
    for name, match in (("77", "no model is called '77'"), ("challenger", "there is no challenger")):
        with pytest.raises(ConfigError, match=match):
            ask("promote", name, "--home", home)
    with pytest.raises(ConfigError, match="never was champion: `oresight promote 2`"):
        ask("rollback", "--to", "2", "--why", "x", "--home", home)


def run_shadow(home: Path, run: Run, said: list[str], knowledge: Knowledge | None = None) -> Path | None:
    settings = Settings(home=home)
    store = open_store(settings, now=dt.datetime.now(UTC))
    as_of = as_moment(FIRST_WEEK)
    return shadow.run_shadow(
        settings,
        knowledge or Knowledge(store, as_of),
        as_of,
        run_id=run.run_id,
        data_digest="d",
        champion=run.about["model_version"],
        now=as_of,
        say=said.append,
    )


def test_a_challenger_forecasts_in_the_shadow_of_the_run(
    home: Path, first_run: Run, knowledge_at: Callable[[str], Knowledge], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    assert run_shadow(home, first_run, said) is None
    assert said == []
    line = ask("challenge", "2", "--why", "more families", "--home", home)
    assert (line["alias"], line["action"], line["registered_as"], line["reason"]) == (
        "challenger",
        "assigned",
        "2",
        "more families",
    )
    with pytest.raises(ConfigError, match="is champion; the challenger is another one"):
        ask("challenge", "1", "--why", "x", "--home", home)
    published = {path: path.read_bytes() for path in (home / "runs").rglob("*") if path.is_file()}
    # Every signal, as the weekly run has it.
    knowledge = knowledge_at(FIRST_WEEK)
    folder = run_shadow(home, first_run, said, knowledge)
    assert folder == home / "shadow" / first_run.run_id / line["version"]
    about, rows = json.loads((folder / "shadow.json").read_text()), pd.read_parquet(folder / "shadow.parquet")
    assert (about["kind"], about["model_version"], about["run_id"]) == ("shadow", line["version"], first_run.run_id)
    assert about["champion_version"] == first_run.about["model_version"] != line["version"]
    assert list(rows.columns) == list(COLUMNS)
    check_forecasts(rows)
    assert set(rows["model_version"]) == {line["version"]}
    key = ["target", "horizon", "mineral", "supplier"]
    assert set(rows[key].itertuples(index=False)) == set(first_run.forecasts()[key].itertuples(index=False))
    assert {path: path.read_bytes() for path in published} == published

    # The same week again writes nothing; a challenger that fails is said, and stops nothing.
    kept = (folder / "shadow.parquet").stat().st_mtime_ns
    assert run_shadow(home, first_run, said, knowledge) == folder
    assert (folder / "shadow.parquet").stat().st_mtime_ns == kept
    shutil.rmtree(folder)

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(shadow, "forecast_week", broken)
    assert run_shadow(home, first_run, said, knowledge) is None
    assert said[-1].startswith(f"No shadow of {first_run.run_id}: ZeroDivisionError: division by zero")
    assert not list((home / "shadow" / first_run.run_id).glob("*"))

    assert ask("challenge", "--nobody", "--why", "enough", "--home", home)["registered_as"] is None
    assert run_shadow(home, first_run, said, knowledge) is None


def test_the_baseline_answers_as_a_forecaster_with_pair_history(home: Path, first_run: Run) -> None:
    ask("challenge", "2", "--why", "x", "--home", home)
    rows = first_run.forecasts()
    rows = rows[~rows["abstained"]]
    store = open_store(Settings(home=home), now=dt.datetime.now(UTC))
    panel = Knowledge(store, as_moment(FIRST_WEEK), registry.signals_named(("trade",))).panel([as_moment(FIRST_WEEK)])
    panel = panel.merge(rows[["mineral", "supplier"]].drop_duplicates(), on=["mineral", "supplier"])
    with tracking.mlflow_at(Settings(home=home)) as mlflow:
        found = mlflow.pyfunc.load_model("models:/oresight@baseline").predict(panel)
    both = found.merge(rows, on=["target", "horizon", "mineral", "supplier"], suffixes=("", "_published"))
    assert len(both) == len(rows)
    assert both["base_rate"].equals(both["base_rate_published"])
    plain = both["target"].eq("supply_drop") & both["horizon"].eq("current_year")
    assert both.loc[plain, "probability"].equals(both.loc[plain, "base_rate"])
    assert both["p_low"].equals(both["probability"])
