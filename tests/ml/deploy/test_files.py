"""Files for operators: judged by their own validators, hardened, without any secret, and consistent with each other."""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from ml import cli, cli_alerts, cli_deploy, cli_publish, cli_serve
from ml.deploy import files
from ml.deploy.panels import Prom
from tests.ml.deploy.validators import check_kubernetes, check_schema, program, run

HERE = files.HERE
LIMITS = (0.15, 0.3, 0.5)
SHIPPED = files.deploy_files(LIMITS)
TEXTS = {name: content.decode() for name, content in SHIPPED.items()}
COMPOSE = yaml.safe_load(TEXTS["compose/compose.yaml"])
MANIFESTS = sorted((HERE / "kubernetes/base").glob("[!k]*.yaml"))


def manifests() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def pod_of(manifest: dict[str, Any]) -> dict[str, Any] | None:
    spec = manifest.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return spec.get("template", {}).get("spec")


# ---- their own validators ----------------------------------------------------------------------


def test_compose_is_valid(tmp_path: Path) -> None:
    code, said = check_schema("vendor.compose-spec", HERE / "compose/compose.yaml")
    assert code == 0, said
    broken = tmp_path / "compose.yaml"
    broken.write_text(TEXTS["compose/compose.yaml"].replace("cap_drop:", "drop_cap:", 1))
    assert "drop_cap" in check_schema("vendor.compose-spec", broken)[1]


def test_the_workflow_is_valid(tmp_path: Path) -> None:
    workflow = HERE / "github/workflows/oresight-weekly.yml"
    code, said = check_schema("vendor.github-workflows", workflow)
    assert code == 0, said
    broken = tmp_path / "oresight-weekly.yml"
    broken.write_text(workflow.read_text().replace("runs-on:", "run-on:"))
    assert check_schema("vendor.github-workflows", broken)[0] == 1


def test_manifests_are_valid(tmp_path: Path) -> None:
    assert [wrong for path in MANIFESTS for wrong in check_kubernetes(path)] == []
    broken = tmp_path / "weekly.yaml"
    broken.write_text(TEXTS["kubernetes/base/weekly.yaml"].replace("concurrencyPolicy", "concurrencePolicy"))
    assert "concurrencePolicy" in check_kubernetes(broken)[0]


def test_alert_rules_are_valid_and_do_what_their_cases_say(repo_root: Path) -> None:
    promtool = program("promtool", "Debian's package prometheus")
    for command in (
        ("check", "rules", HERE / "prometheus/rules.yml"),
        ("check", "config", "--syntax-only", HERE / "prometheus/prometheus.yml"),
        ("test", "rules", repo_root / "tests/ml/deploy/rules_test.yml"),
    ):
        code, said = run(promtool, *command)
        assert code == 0, said


def test_rules_that_say_something_else_are_found(repo_root: Path, tmp_path: Path) -> None:
    promtool = program("promtool", "Debian's package prometheus")
    text = TEXTS["prometheus/rules.yml"]
    changes = {
        "OresightRunStale": ("7.5 * 86400", "7 * 86400"),
        "OresightWeeklyFailed": ("> 8 * 3600", "> 3 * 3600"),
        "OresightDriftStop": ("(oresight_drift_stop) == 1", "(oresight_drift_stop) == 2"),
        "OresightJobFailed": ("kube_job_created < 6", "kube_job_created < 60"),
        "OresightDeliveryDead": (" offset 1d", " offset 1m"),
    }
    for right, wrong in changes.values():
        assert right in text
        text = text.replace(right, wrong)
    (tmp_path / "rules.yml").write_text(text)
    cases = (repo_root / "tests/ml/deploy/rules_test.yml").read_text()
    (tmp_path / "cases.yml").write_text(re.sub(r"- \.\./.*rules\.yml", "- rules.yml", cases))
    code, said = run(promtool, "test", "rules", tmp_path / "cases.yml")
    assert code == 1
    assert set(re.findall(r"alertname: ?(\w+)", said)) == set(changes), said


def test_expressions_of_dashboards_are_valid(tmp_path: Path) -> None:
    promtool = program("promtool", "Debian's package prometheus")
    asked = [panel.query for page in files.DASHBOARDS for panel in page.panels if isinstance(panel.query, Prom)]
    rules = [{"record": f"panel:{number}", "expr": query.expression} for number, query in enumerate(asked)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    code, said = run(promtool, "check", "rules", path)
    assert code == 0, said
    assert f"{len(asked)} rules found" in said


def test_units_are_valid(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "Debian's package systemd")
    units = shutil.copytree(HERE / "systemd", tmp_path / "units")
    command = tmp_path / "oresight"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    paths = sorted(units.iterdir())
    for path in paths:
        path.write_text(path.read_text().replace("/opt/oresight/.venv/bin/oresight", str(command)))
    code, said = run(analyze, "verify", "--man=no", *paths)
    assert code == 0, said
    timer = units / "oresight-weekly.timer"
    timer.write_text(timer.read_text().replace("Mon *-*-* 05:00:00", "Mun *-*-* 05:00:00"))
    assert "Mun" in run(analyze, "verify", "--man=no", timer)[1]


# ---- hardening, and no secret ------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_is_confined(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["user"] not in ("root", "0", "0:0")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:"), "what is published is published on loopback"
    if service.get("restart") != "no":
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])


def test_services_are_looked_after_by_health_checks() -> None:
    services = COMPOSE["services"]
    lasting = {name for name, each in services.items() if each["restart"] != "no" and name != "deliver"}
    assert {name for name in lasting if "healthcheck" in services[name]} == lasting
    assert "/healthz" in str(services["service"]["healthcheck"])


def test_pods_are_confined() -> None:
    pods = [(each["metadata"]["name"], pod) for each in manifests() if (pod := pod_of(each))]
    assert {name for name, _ in pods} == {
        f"oresight-{name}" for name in ("weekly", "collect", "news", "deliver", "migrate", "service")
    }
    for name, pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == 10001, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


def test_one_job_at_a_time_writes_the_home_and_exit_code_4_is_not_tried_again() -> None:
    jobs = {each["metadata"]["name"]: each["spec"] for each in manifests() if each["kind"] == "CronJob"}
    assert jobs["oresight-weekly"]["schedule"] == "0 5 * * 1"
    for name, spec in jobs.items():
        assert spec["concurrencyPolicy"] == "Forbid", name
        assert spec["timeZone"] == "Etc/UTC", name
        mounted = spec["jobTemplate"]["spec"]["template"]
        assert mounted["metadata"]["labels"]["oresight-home"] == "mounted", name
        term = mounted["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]
        assert term["labelSelector"] == {"matchLabels": {"oresight-home": "mounted"}}, name
    rules = jobs["oresight-weekly"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rules[0] == {
        "action": "FailJob",
        "onExitCodes": {"containerName": "weekly", "operator": "In", "values": [2, 3, 4]},
    }


def test_probes_ask_what_the_service_answers() -> None:
    deployment = next(each for each in manifests() if each["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


SECRET = re.compile(r"(?i)password|secret|token|credential|apikeyvalue|api_key$")
NAMES_A_PLACE = re.compile(
    r"\$__file\{/run/secrets/|/run/secrets/|\./secrets/|\$\{\{ github\.token \}\}$|oresight-secrets$"
)


def secrets_in(node: Any) -> Iterator[tuple[str, str]]:
    """Every text under a key that sounds like a secret."""
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and SECRET.search(str(key)):
                yield key, value
            yield from secrets_in(value)
    elif isinstance(node, list):
        for each in node:
            yield from secrets_in(each)


def test_no_secret_stands_in_any_file() -> None:
    told = 0
    for name, text in TEXTS.items():
        if name.endswith((".yaml", ".yml")):
            for document in yaml.safe_load_all(text):
                for key, value in secrets_in(document):
                    told += 1
                    assert NAMES_A_PLACE.match(value), f"{name}: {key}: {value}"
        assert not re.search(r"(?im)^(?:environment=)?\w*(?:password|secret|token|_key)\w*=", text), name
        assert not re.search(r"(?i)password\s+'", text), name
    assert told >= 15
    assert [*secrets_in({"a": [{"POSTGRES_PASSWORD": "postgres"}]})] == [("POSTGRES_PASSWORD", "postgres")]


def test_every_secret_is_a_file_that_somebody_uses() -> None:
    declared = set(COMPOSE["secrets"])
    used = {
        each if isinstance(each, str) else each["source"]
        for service in COMPOSE["services"].values()
        for each in service.get("secrets", ())
    }
    assert used == declared
    assert all(each["file"].startswith("./secrets/") for each in COMPOSE["secrets"].values())
    assert not (HERE / "compose/secrets").exists()


def test_the_image_is_built_from_the_lock_and_runs_as_a_user_of_its_own() -> None:
    text = TEXTS["compose/Dockerfile"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line.split()[1] for line in lines if line.startswith("FROM ")] == ["python:3.11-slim"] * 2
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    installed = re.findall(r"pip install ([^&\n\\]+)", text)
    assert len(installed) == 3
    assert all("--require-hashes" in part for part in installed[:2])
    assert "--no-deps" in installed[2]
    assert "--no-index" in installed[2]


def test_no_host_that_serves_packages_is_named() -> None:
    for name, text in TEXTS.items():
        found = re.findall(r"(?:pypi|pythonhosted|npmjs|ghcr\.io|quay\.io|gcr\.io|docker\.io|debian\.org)\S*", text)
        assert found == [], name


# ---- consistent with the program and with each other -------------------------------------------


@functools.cache
def whole_app() -> Any:
    """The command line with the commands of all parts."""
    app = typer.Typer()
    for part in (cli.app, cli_publish.app, cli_serve.app, cli_deploy.app):
        app.registered_commands += part.registered_commands
        app.registered_groups += part.registered_groups
    app.add_typer(cli_alerts.app, name="alerts")
    return typer.main.get_command(app)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `oresight …` that a file runs, with the file."""
    for name, service in COMPOSE["services"].items():
        if (command := service.get("command", [""]))[0] == "oresight":
            yield f"compose {name}", command[1:]
        elif command[0] == "sh":
            yield f"compose {name}", shlex.split(re.search(r"oresight ([a-z ]+)", command[2])[1])  # type: ignore[index]
    for manifest in manifests():
        for container in (pod_of(manifest) or {}).get("containers", ()):
            yield manifest["metadata"]["name"], container["args"][1:]
    for name, text in TEXTS.items():
        if name.startswith("systemd/"):
            for line in re.findall(r"^ExecStart=/opt/oresight/\.venv/bin/oresight (.+)$", text, re.MULTILINE):
                yield name, shlex.split(line)
        if name.startswith("cron/"):
            for line in re.findall(r"^[^#].* oresight  .*?\boresight ([a-z][a-z -]*)", text, re.MULTILINE):
                yield name, shlex.split(line)
        if name.startswith("github/"):
            for line in re.findall(r"\.venv/bin/oresight ([a-z-]+)", text):
                yield name, [line]


FOUND = list(commands())


def test_commands_were_found_in_every_kind_of_file() -> None:
    places = {where.split("/")[0].split()[0] for where, _ in FOUND}
    assert places >= {"compose", "systemd", "cron", "github", "oresight-weekly", "oresight-service"}
    assert len(FOUND) >= 20


def parse(arguments: list[str]) -> None:
    """Parse a command line as the program would, without running it.

    Raises:
        Exception: there is no such command or option, or an argument is missing.
    """
    command, context = whole_app(), None
    # Not isinstance: typer may bring a click of its own.
    while hasattr(command, "resolve_command"):
        context = command.make_context("oresight", list(arguments), parent=context)
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(command.name, list(arguments), parent=context)


@pytest.mark.parametrize(("where", "arguments"), FOUND, ids=[f"{where}: {' '.join(words)}" for where, words in FOUND])
def test_every_command_that_a_file_runs_is_one(where: str, arguments: list[str]) -> None:
    parse(arguments)


@pytest.mark.parametrize("wrong", ["collects --strict", "weekly --strictly", "alerts delivery"])
def test_a_command_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such"):
        parse(wrong.split())


def test_addresses_agree() -> None:
    services = COMPOSE["services"]
    scrape = yaml.safe_load(TEXTS["prometheus/prometheus.yml"])["scrape_configs"][0]
    assert scrape["static_configs"][0]["targets"] == ["service:8000"]
    assert services["service"]["command"][-1] == "8000"
    sources = yaml.safe_load(TEXTS["grafana/provisioning/datasources/oresight.yaml"])["datasources"]
    for source in sources:
        host = re.sub(r"^\w+://", "", source["url"]).partition(":")[0]
        assert host in services, source["name"]
        # The files that Grafana reads secrets from are mounted.
        for secret in re.findall(r"\$__file\{/run/secrets/(\w+)\}", json.dumps(source)):
            assert secret in services["grafana"]["secrets"], source["name"]
    provider = yaml.safe_load(TEXTS["grafana/provisioning/dashboards/oresight.yaml"])["providers"][0]
    assert f"../grafana/dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert f"grafana/dashboards/{Path(home).name}" in SHIPPED
    for service in services.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or source == "./rules" or (HERE / "compose" / source).is_dir(), volume


def test_the_image_is_named_by_the_version(repo_root: Path) -> None:
    version = tomllib.loads((repo_root / "pyproject.toml").read_text())["project"]["version"]
    named = [tag for text in TEXTS.values() for tag in re.findall(r"oresight:(\d[\w.]*)|newTag: (\S+)\}", text)]
    assert {left or right for left, right in named} == {version}


def test_settings_that_manifests_give_are_settings() -> None:
    from ml.settings import Settings

    known = {f"ORESIGHT_{name.upper()}" for name in Settings.model_fields}
    for name, text in TEXTS.items():
        for found in re.findall(r"^\s*(?:Environment=)?(ORESIGHT_[A-Z_]+)[:=]", text, re.MULTILINE):
            assert found in known, f"{name}: {found}"
