"""The commands about warnings: `oresight alerts …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ml.cli_options import AsOf, Home, Json, Out, print_json, say

__all__ = ["app"]

app = typer.Typer(
    help="Warnings: rules, their state, who is told in which order, and what was sent.", no_args_is_help=True
)

Reference = Annotated[str, typer.Argument(metavar="ID", help="A warning such as W3K9Q2ZAB, or its event W3K9Q2ZAB/2.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 4 when any delivery was given up.")]
Language = Annotated[str, typer.Option("--language", help="en or zh-Hant.")]


@app.command(name="run")
def run_(
    as_of: AsOf = None,
    drill: Annotated[bool, typer.Option("--drill", help="Mark all as a drill; takes a run of any kind.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; store and send nothing.")] = False,
    strict: Strict = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Hold the current run (or a week's) against the rules, send what is due, and write the page. Each run once."""
    from ml import alert_commands
    from ml.alerts import printing

    about = alert_commands.run(as_of=as_of, is_drill=drill, dry_run=dry_run, home=home, say=say)
    _tell(about, as_json, printing.print_run)
    _check(about, strict)


@app.command(name="list")
def list_(
    state: Annotated[
        str, typer.Option("--state", help="open, raised, updated, acknowledged, cleared or all.")
    ] = "open",
    mineral: Annotated[str | None, typer.Option("--mineral", help="One mineral's only.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="Changed on or after.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List warnings, the newest change first, and what is muted."""
    from ml import alert_commands
    from ml.alerts import printing

    _tell(alert_commands.listed(state=state, mineral=mineral, since=since, home=home), as_json, printing.print_list)


@app.command()
def show(reference: Reference, language: Language = "en", home: Home = None, as_json: Json = False) -> None:
    """Show a warning: its text, what happened to it, and what was sent to whom."""
    from features.errors import ConfigError
    from ml import alert_commands
    from ml.alerts import printing
    from ml.alerts.words import LANGUAGES

    if language not in LANGUAGES:
        raise ConfigError(f"--language is {' or '.join(LANGUAGES)}, not {language!r}")
    _tell(alert_commands.show(reference, language=language, home=home), as_json, printing.print_warning)


@app.command()
def ack(
    reference: Reference,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who (default: ORESIGHT_ANALYST, or the user).")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="What was found or decided.")] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Acknowledge a warning: it is not escalated further, and speaks again only if its tier rises or it clears."""
    from ml import alert_commands
    from ml.alerts import printing

    _tell(alert_commands.ack(reference, by=by, note=note, home=home, say=say), as_json, printing.print_ack)


@app.command()
def mute(
    pattern: Annotated[str, typer.Argument(help="cobalt/COD, cobalt/*, */CHN, a warning's id, or rule:ID.")],
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="When it expires, 00:00 UTC.")],
    why: Annotated[str, typer.Option("--why", help="Why; it is on record.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Tell nobody of some warnings until a date; they stay on the list, and what was missed is told afterwards."""
    from ml import alert_commands

    about = alert_commands.mute(pattern, until=until, why=why, home=home)
    _tell(
        about, as_json, lambda told: typer.echo(f"Muted {told['pattern']} until {told['until'].date()}: {told['why']}")
    )


@app.command()
def unmute(
    pattern: Annotated[str, typer.Argument(help="The pattern or number of a mute.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """End a mute now."""
    from ml import alert_commands

    about = alert_commands.unmute(pattern, home=home)
    _tell(about, as_json, lambda told: typer.echo(f"{told['ended']} mute(s) of {told['pattern']} ended"))


@app.command()
def deliver(strict: Strict = False, home: Home = None, as_json: Json = False) -> None:
    """Send what is due: new messages, retries, later steps, what quiet hours held. For cron, every few minutes."""
    from ml import alert_commands
    from ml.alerts import printing

    about = alert_commands.deliver(home=home, say=say)
    _tell(about, as_json, printing.print_deliveries)
    _check(about, strict)


@app.command()
def resend(
    reference: Annotated[str | None, typer.Argument(metavar="[ID]", help="A warning; all its deliveries.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up; without ID, of all warnings.")] = False,
    strict: Strict = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Send again, under the same keys: a receiver that has a message already knows it by its key."""
    from ml import alert_commands
    from ml.alerts import printing

    about = alert_commands.resend(reference, dead=dead, home=home, say=say)
    _tell(about, as_json, printing.print_deliveries)
    _check(about, strict)


@app.command()
def drill(
    tier: Annotated[
        str | None, typer.Option("--tier", help="Whose plan: low, guarded, elevated or severe (default: the highest).")
    ] = None,
    strict: Strict = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Call a drill: one real row goes through the whole order of response, marked as a drill everywhere."""
    from ml import alert_commands
    from ml.alerts import printing

    about = alert_commands.drill(tier=tier, home=home, say=say)
    _tell(about, as_json, printing.print_drill)
    _check(about, strict)


@app.command(name="check-rules")
def check_rules(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Rules to check (default: alerts.toml in the home folder).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when a message would not go out.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Check the file of rules: errors by table and key, secrets that are missing, what looks unwise. Sends nothing."""
    from features.errors import ConfigError
    from ml.alerts import printing
    from ml.alerts.checking import check_rules as check
    from ml.settings import load_settings

    if file is not None and not file.exists():
        raise ConfigError(f"there is no file {file}")
    about = check(file or load_settings(home).alerts_file)
    _tell(about, as_json, printing.print_check)
    if strict and about["problems"]:
        raise typer.Exit(4)


@app.command()
def feed(out: Out, home: Home = None, as_json: Json = False) -> None:
    """Write the public page, the Atom feeds and the CAP 1.2 files into a folder."""
    from ml import alert_commands
    from ml.alerts import printing

    _tell(alert_commands.feed(out, home=home), as_json, printing.print_feed)


def _tell(about: dict[str, Any], as_json: bool, printer: Any) -> None:
    if as_json:
        from ml.alerts.printing import as_plain

        print_json(as_plain(about))
    else:
        printer(about)


def _check(about: dict[str, Any], strict: bool) -> None:
    if strict and about.get("dead"):
        say(f"{about['dead']} deliveries were given up; `oresight alerts resend --dead` tries them again")
        raise typer.Exit(4)
