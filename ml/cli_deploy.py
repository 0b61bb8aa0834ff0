"""The command that writes what an operator needs: dashboards, alert rules, and files for the usual schedulers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ml.cli_options import Home, Json, Out, print_json

__all__ = ["app"]

app = typer.Typer()


@app.command(name="deploy-files")
def deploy_files(
    out: Out,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="compose, cron, github, grafana, kubernetes, postgresql, prometheus or systemd; several times "
            "(default: all).",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files that are there with other contents (default: refuse).")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Write dashboards, alert rules, and files for Compose, Kubernetes, systemd, cron and GitHub into a folder.

    Colours of the dashboards begin at the tier limits in force. Written twice is the same as once.
    """
    from features.errors import ConfigError
    from ml.deploy import files
    from ml.settings import load_settings

    if unknown := sorted(set(only or ()) - set(files.FOLDERS)):
        raise ConfigError(f"--only {unknown[0]}: choices are {', '.join(files.FOLDERS)}")
    settings = load_settings(home)
    limits = (settings.tier_guarded, settings.tier_elevated, settings.tier_severe)
    wanted = {
        name: content
        for name, content in files.deploy_files(limits).items()
        if not only or name.partition("/")[0] in only
    }
    written = files.write_files(wanted, out, may_replace=replace)
    if as_json:
        print_json({"out": str(out), "tier_limits": limits, "files": [asdict(each) for each in written]})
        return
    for each in written:
        typer.echo(f"  {each.state:8} {each.path}")
    typer.echo(f"{len(written)} files in {out}; docs/deployment.md says what to do with them")
