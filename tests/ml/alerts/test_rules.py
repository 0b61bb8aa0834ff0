"""The file of rules: defaults, what is refused and how it is told, secrets, and what `check-rules` finds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from features.errors import ConfigError
from ml.alerts.channels.settings import revealed, revealed_url, without_secrets
from ml.alerts.checking import check_rules
from ml.alerts.rules import DEFAULTS, Retries, Rule, Rules, Web, load_rules, read_rules
from tests.ml.alerts.made_runs import one_hook

GROUP = "[[groups]]\nid = 'g'\n"
HOOK = "channels = [{id = 'h', kind = 'webhook', url = 'https://a.example', secret = '${env:S}'}]\n"


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    rules = load_rules(tmp_path / "alerts.toml")
    assert [rule.id for rule in rules.rules] == ["supply-drop"]
    assert rules.rules[0].clear_at < rules.rules[0].raise_at
    assert (rules.groups, rules.first_groups(), rules.budget) == ((), (), 10)


def test_the_packaged_file_says_what_holds_where_nothing_is_said() -> None:
    # A rule of one's own takes its defaults from the model, not from the packaged rule: they must be the same.
    rules = read_rules("", where="x")
    assert rules.rules == (Rule(id="supply-drop"),)
    assert (rules.retries, rules.web) == (Retries(), Web())
    whole = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    assert set(whole["rules"][0]) == set(Rule.model_fields)
    assert set(whole) | {"groups"} == set(Rules.model_fields)
    assert (set(whole["retries"]), set(whole["web"])) == (set(Retries.model_fields), set(Web.model_fields))


def test_a_file_replaces_lists_and_keys_of_tables() -> None:
    rules = read_rules("budget = 3\n[retries]\nattempts = 2\n[[rules]]\nid = 'tin'\nminerals = ['tin']", where="x")
    assert [rule.id for rule in rules.rules] == ["tin"]
    assert (rules.budget, rules.retries.attempts, rules.retries.time_out_seconds) == (3, 2, 20)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("budgt = 1", "alerts.toml: budgt: there is no such key, found 1"),
        ("budget = -1", "alerts.toml: budget: Input should be greater than or equal to 0, found -1"),
        ("[[rules]]\nid = 'a'\n[[rules]]\nid = 'b'\nraise_at = 0.3", "rules[2] 'b': clear_at (0.3) must be below"),
        (
            "[[rules]]\nid = 'a'\nminerals = ['unobtainium']",
            "rules[1] 'a'.minerals: no mineral is called 'unobtainium'",
        ),
        ("[[rules]]\nid = 'a'\nlists = ['eu']", "rules[1] 'a'.lists: no policy list is called 'eu'"),
        ("[[rules]]\nid = 'a'\nimporters = ['TW']", "rules[1] 'a'.importers: no country (ISO 3166-1 alpha-3)"),
        ("[[rules]]\nid = 'a'\ntargets = ['drop']", "rules[1] 'a'.targets: no target is called 'drop'"),
        ("[[rules]]\nid = 'a'\n[[rules]]\nid = 'a'", "two rules have one id among a, a"),
        ("rules = []", "alerts.toml: rules:"),
        ("[plans]\nsevere = [{groups = ['x']}]", "plans.severe names the group 'x'; there are none"),
        (
            f"{GROUP}{HOOK}[plans]\nsevere = [{{groups = ['g'], after_minutes = 9}}, {{groups = ['g']}}]",
            "must not fall",
        ),
        ("notice_groups = ['x']", "notice_groups names the group 'x'"),
        (f"{GROUP}time_zone = 'Asia/Tapei'\n{HOOK}", "groups[1] 'g'.time_zone: no time zone is called 'Asia/Tapei'"),
        (f"{GROUP}quiet_hours = '22-7'\n{HOOK}", "groups[1] 'g'.quiet_hours: String should match"),
        (f"{GROUP}importer = 'TW'\n{HOOK}", "importer: no country is called 'TW'"),
        (f"{GROUP}channels = [{{id = 'a', kind = 'fax'}}]", "groups[1] 'g'.channels[1] 'a': Input tag 'fax'"),
        (f"{GROUP}channels = [{{id = 'a', kind = 'email'}}]", "groups[1] 'g'.channels[1] 'a'.url: Field required"),
        (
            f"{GROUP}channels = [{{id = 'a', kind = 'webhook', url = 'ftp://x', secret = 's'}}]",
            "'a'.url: String should",
        ),
        (
            f"{GROUP}channels = [{{id = 'a', kind = 'email', url = 'x'}}, {{id = 'a', kind = 'sms', url = 'x'}}]",
            "two channels have one id among a, a",
        ),
        ("[retries]\nlease_seconds = 30", "retries: lease_seconds must be more than twice time_out_seconds"),
        ("[web]\naddress = 'javascript:alert(1)'", "web.address: String should match"),
        ("budget = ", "alerts.toml: not TOML:"),
    ],
)
def test_what_is_wrong_is_told_by_table_and_key(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as problem:
        read_rules(text, where="alerts.toml")
    assert told in str(problem.value)


def test_secrets_come_from_the_environment_or_a_file_and_go_out_of_errors(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    setting = f"https://x.example/${{env:A}}?t=${{file:{file}}}"
    assert revealed(setting, {"A": "from-env"}) == "https://x.example/from-env?t=from-file"
    told = without_secrets("failed: from-env, from-file at https://x.example/path?q=1", (setting,), {"A": "from-env"})
    assert told == f"failed: [A], [{file}] at https://x.example"
    assert without_secrets("smtp://user:pw@mail.example", ()) == "smtp://[...]@mail.example"
    # A password may hold what has a meaning in addresses; an address that is a secret as a whole stays as it is.
    assert revealed_url("mailtos://u:${env:P}@m.example", {"P": "p@ss/w:rd"}) == "mailtos://u:p%40ss%2Fw%3Ard@m.example"
    assert revealed_url("${env:U}", {"U": "https://x.example/a?b=c"}) == "https://x.example/a?b=c"
    assert without_secrets("no p%40ss", ("${env:P}",), {"P": "p@ss"}) == "no [P]"
    for missing in ("${env:NOT_THERE}", "${file:/not/there}"):
        with pytest.raises(ConfigError, match=r"NOT_THERE|/not/there"):
            revealed(missing, {})


def test_check_rules_finds_what_would_not_go_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S", raising=False)
    path = tmp_path / "alerts.toml"
    path.write_text(
        f"{GROUP}channels = ["
        "{id = 'h', kind = 'webhook', url = 'http://a.example', secret = '${env:S}'}, "
        "{id = 'w', kind = 'webhook', url = 'https://a.example', secret = 'short'}, "
        "{id = 'm', kind = 'email', url = 'mailtos://u:pw@mail.example?to=a@b.example&verify=no'}, "
        "{id = 'n', kind = 'email', url = 'mailtos://u@mail.example?from=o@b.example&to=a@b.example,c@b.example'}, "
        "{id = 'c', kind = 'chat', url = 'nothing://here'}]\n"
    )
    about = check_rules(path)
    problems, notes = "\n".join(about["problems"]), "\n".join(about["notes"])
    for part in (
        "the environment has no S",
        "base64 of 24 bytes",
        "verify=no",
        "names 2 recipients",
        "none that Apprise",
    ):
        assert part in problems
    assert len(about["problems"]) == 5
    for part in ("'g' is in no plan", "http:// sends", "holds a password", "plans.severe is empty"):
        assert part in notes
    path.write_text(one_hook("https://a.example"))
    assert (check_rules(path)["problems"], check_rules(path)["notes"]) == ([], [])


def test_the_example_of_the_page_is_a_file_that_is_read(repo_root: Path) -> None:
    page = (repo_root / "docs" / "warnings.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    rules = read_rules(example, where="docs/warnings.md")
    assert [group.id for group in rules.groups] == ["duty-desk", "agency"]
    assert [step.after_minutes for step in rules.plans["severe"]] == [0, 60]
