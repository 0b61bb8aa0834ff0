"""The commands of the service: serve over HTTP, and make, list and revoke the keys that readers use."""

from __future__ import annotations

from typing import Annotated

import typer

from ml.cli_options import Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer()
keys = typer.Typer(help="Keys for reading the service: make, list and revoke them.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on (default: ORESIGHT_HOST, or 127.0.0.1).")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65_535, help="Port to listen on, 0 for a free one (default: ORESIGHT_PORT, or 8000)."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, help="Processes (default: ORESIGHT_SERVE_WORKERS, or 1)."),
    ] = None,
    home: Home = None,
) -> None:
    """Serve forecasts over HTTP until it is stopped; without a run it starts, and answers 503 until there is one.

    On loopback anybody may read; on another address keys are needed unless ORESIGHT_ANONYMOUS=true.
    """
    from ml.service import serving

    serving.serve(host=host, port=port, workers=workers, home=home, say=say)


@keys.command(name="create")
def create(
    name: Annotated[str, typer.Argument(help="Who uses the key, such as grafana.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="read, explain, acknowledge or admin (all of them); repeatable (default: read)."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="YYYY-MM-DD", help="First day it no longer holds (default: never)."),
    ] = None,
    quota: Annotated[
        int | None,
        typer.Option("--quota", min=0, help="Requests a minute, 0 for no limit (default: ORESIGHT_QUOTA_KEY, 120000)."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once; only a digest of it is stored."""
    from ml.service import key_commands

    about = key_commands.create(name, scopes=scope or ["read"], expires=expires, quota=quota, home=home)
    if as_json:
        print_json(about)
    else:
        typer.echo(about["key"])
        say(f"Key {about['key_id']} for {about['name']} ({about['scopes']}); it is shown this once, keep it now.")


@keys.command(name="list")
def list_all(
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List all keys, the newest first: who, what for, until when, and when used last; never the keys themselves."""
    from ml.service import key_commands

    rows = key_commands.listed(home=home)
    print_json(rows) if as_json else key_commands.print_keys(rows)


@keys.command()
def revoke(
    which: Annotated[str, typer.Argument(help="The key's id, or its name.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Revoke a key; a running service refuses it within a second."""
    from ml.service import key_commands

    rows = key_commands.revoke(which, home=home)
    if as_json:
        print_json(rows)
    else:
        typer.echo("\n".join(f"Revoked {row['key_id']} ({row['name']})" for row in rows))
