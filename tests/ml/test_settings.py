"""Settings: defaults, the file in the working folder, the environment over the file, and plain words for mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from features.errors import ConfigError
from ml.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ORESIGHT_{name.upper()}", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def write(text: str) -> None:
    Path("oresight.toml").write_text(text)


def test_the_defaults_are_those_of_the_design() -> None:
    settings = load_settings()
    assert settings.home == Path(".oresight")
    assert (settings.tier_guarded, settings.tier_elevated, settings.tier_severe) == (0.15, 0.30, 0.50)
    assert settings.datasets == Path(".oresight/datasets")
    assert settings.runs == Path(".oresight/runs")


def test_every_setting_has_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert (field.description or "").endswith("."), name


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("home", '"elsewhere"', Path("elsewhere")),
        ("memory_limit", '"512MB"', "512MB"),
        ("workers", "7", 7),
        ("tier_guarded", "0.11", 0.11),
        ("tier_elevated", "0.31", 0.31),
        ("tier_severe", "0.61", 0.61),
        ("endpoints", '{tea = "https://tea.example.org/f"}', {"tea": "https://tea.example.org/f"}),
        ("private_hosts", '["mirror.example.org"]', ("mirror.example.org",)),
        ("fetch_seconds", "7.5", 7.5),
        ("fetch_attempts", "2", 2),
        ("fetchers", "3", 3),
        ("contact", '"desk@example.org"', "desk@example.org"),
    ],
)
def test_each_setting_is_read_from_the_file_and_the_environment_wins(
    name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(load_settings(), name) != value
    write(f"{name} = {text}\n")
    assert getattr(load_settings(), name) == value
    write("")
    in_json = {"endpoints": '{"tea": "https://tea.example.org/f"}'}
    monkeypatch.setenv(f"ORESIGHT_{name.upper()}", in_json.get(name, text.strip('"')))
    assert getattr(load_settings(), name) == value


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    write('home = "of-the-file"\nworkers = 3\n')
    monkeypatch.setenv("ORESIGHT_HOME", "of-the-environment")
    monkeypatch.setenv("ORESIGHT_WORKERS", "4")
    assert load_settings().home == Path("of-the-environment")
    assert load_settings().workers == 4
    assert load_settings(Path("of-the-call")).home == Path("of-the-call")


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise ORESIGHT_HOME= would spread the state over the working folder.
    monkeypatch.setenv("ORESIGHT_HOME", "")
    assert load_settings().home == Path(".oresight")


def test_the_file_counts_only_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("workers = 9\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert load_settings().workers == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('colour = "red"', r"setting colour: Extra inputs are not permitted, found 'red'"),
        ('workers = "many"', r"setting workers: .*valid integer.*found 'many'. See ORESIGHT_WORKERS"),
        ("workers = 0", r"setting workers: .*greater than or equal to 1, found 0"),
        ("workers = 65", r"setting workers: .*less than or equal to 64, found 65"),
        ('memory_limit = "lots"', r"setting memory_limit: .*found 'lots'"),
        ("tier_severe = 1.0", r"setting tier_severe: .*less than 1, found 1.0"),
        ("tier_guarded = 0.0", r"setting tier_guarded: .*greater than 0, found 0.0"),
        ("tier_severe = 0.3", "the tier limits must rise: tier_guarded < tier_elevated < tier_severe"),
        ("tier_guarded = 0.4", "the tier limits must rise"),
        ("workers = = 3", r"oresight.toml in .* is not TOML: .*line 1"),
    ],
)
def test_a_bad_setting_is_named_with_what_was_found(text: str, message: str) -> None:
    write(text + "\n")
    with pytest.raises(ConfigError, match=message):
        load_settings()


def test_a_list_in_the_environment_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORESIGHT_PRIVATE_HOSTS", "localhost")
    with pytest.raises(ConfigError, match=r"private_hosts.*given as JSON"):
        load_settings()


def test_a_file_that_is_no_text_is_named() -> None:
    Path("oresight.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"oresight.toml .* is not TOML"):
        load_settings()


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        load_settings().workers = 3


def test_experiments_live_in_the_home_unless_a_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(Path("state"))
    assert settings.tracking_uri == f"sqlite:///{tmp_path / 'state' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    assert settings.tracking_uri == "https://mlflow.example.org"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert settings.tracking_uri.startswith("sqlite:")
