"""The programs that judge files for operators: schemas, promtool, systemd-analyze; a missing one is a failure on CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import check_jsonschema
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

__all__ = ["check_kubernetes", "check_schema", "program", "run"]

# Of those with schemas on board; manifests keep to what has been there since 1.31.
KUBERNETES = "1.31"


def program(name: str, package: str) -> str:
    """Give the path of a program; skip the test where it is missing, but fail on the build machine.

    Args:
        package: what brings it, for the message.
    """
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not here; it comes with {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


def run(*command: str | Path, **environment: str) -> tuple[int, str]:
    """Run a program; give its exit code and all it said."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def check_schema(schema: str, *paths: Path) -> tuple[int, str]:
    """Hold YAML against a schema that check-jsonschema has built in."""
    done = CliRunner().invoke(check_jsonschema.main, ["--builtin-schema", schema, *map(str, paths)])
    return done.exit_code, done.output


def check_kubernetes(path: Path) -> list[str]:
    """Hold manifests against Kubernetes' own schemas, unknown fields included; give what is wrong."""
    wrong = []
    for manifest in yaml.safe_load_all(path.read_text()):
        try:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as problem:
            wrong.append(f"{path.name}: {problem.message}")
    return wrong
