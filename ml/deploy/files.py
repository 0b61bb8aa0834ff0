"""What ships for operators: the files of this folder and the dashboards made from the tables of panels.

Dashboards in `grafana/dashboards/` are those of the default settings; `deploy_files` makes them anew with the tier
limits in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from features.errors import ConfigError
from ml.deploy.api_board import API
from ml.deploy.forecast_boards import BOARD, MOVERS, PAIR
from ml.deploy.grafana import dashboard_json
from ml.deploy.operation_boards import DRIFT, FRESHNESS, SERVICE
from ml.deploy.record_boards import ALERTS, TRACK_RECORD

__all__ = ["DASHBOARDS", "FOLDERS", "Written", "dashboards", "deploy_files", "write_files"]

HERE = Path(__file__).parent
FOLDERS = ("compose", "cron", "github", "grafana", "kubernetes", "postgresql", "prometheus", "systemd")
DASHBOARDS = (BOARD, PAIR, MOVERS, ALERTS, FRESHNESS, DRIFT, TRACK_RECORD, SERVICE, API)
EXECUTABLE = ".sh"


@dataclass(frozen=True, slots=True)
class Written:
    """One file: its path below the folder, its hash, and whether it was written or was there with the same bytes."""

    path: str
    sha256: str
    state: str


def dashboards(tier_limits: Sequence[float]) -> dict[str, bytes]:
    """Give the dashboards as JSON by their paths.

    Args:
        tier_limits: where guarded, elevated and severe begin.
    """
    return {f"grafana/dashboards/{page.uid}.json": dashboard_json(page, tier_limits).encode() for page in DASHBOARDS}


def deploy_files(tier_limits: Sequence[float]) -> dict[str, bytes]:
    """Give every file by its path, `/` between folders, sorted by path."""
    shipped = {
        path.relative_to(HERE).as_posix(): path.read_bytes()
        for folder in FOLDERS
        for path in (HERE / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return dict(sorted((shipped | dashboards(tier_limits)).items()))


def write_files(files: Mapping[str, bytes], out: Path, *, may_replace: bool = False) -> list[Written]:
    """Write files below a folder, each aside and renamed.

    Args:
        may_replace: replace files that are there with other bytes; else nothing is written.

    Raises:
        ConfigError: there are such files, and they may not be replaced.
    """
    different = [
        name for name, content in files.items() if (out / name).is_file() and (out / name).read_bytes() != content
    ]
    if different and not may_replace:
        raise ConfigError(
            f"{out} has {len(different)} file(s) with other contents, first {different[0]}; nothing was written. Keep "
            "your changes elsewhere (a Compose override, a kustomize overlay, a systemd drop-in), or give --replace"
        )
    return [_write(out, name, content) for name, content in files.items()]


def _write(out: Path, name: str, content: bytes) -> Written:
    path, digest = out / PurePosixPath(name), hashlib.sha256(content).hexdigest()
    if path.is_file() and path.read_bytes() == content:
        return Written(name, digest, "same")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(content)
    aside.chmod(0o755 if path.suffix == EXECUTABLE else 0o644)
    aside.replace(path)
    return Written(name, digest, "written")


if __name__ == "__main__":
    # What the repository holds: python -m ml.deploy.files
    from ml.settings import Settings

    fields = Settings.model_fields
    limits = [fields[f"tier_{tier}"].default for tier in ("guarded", "elevated", "severe")]
    write_files(dashboards(limits), HERE, may_replace=True)
