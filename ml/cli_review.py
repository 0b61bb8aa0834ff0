"""The commands about candidates: news that looks like a new measure, and what an analyst says to it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from features.errors import ConfigError
from ml.cli_options import AsOf, Home, Json, print_json, say

__all__ = ["app"]

app = typer.Typer()


@app.command()
def candidates(
    state: Annotated[str, typer.Option("--state", help="open, confirmed, rejected or all.")] = "open",
    mineral: Annotated[str | None, typer.Option("--mineral", help="Only those that name this mineral.")] = None,
    supplier: Annotated[
        str | None, typer.Option("--supplier", help="Only those of this supplier (ISO alpha-3).")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="Only those reported from this day on.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many to show.")] = 20,
    as_of: AsOf = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List news that looks like a new export measure and waits for an analyst, the newest first."""
    from ml import review_commands, review_tables

    if state not in ("open", "confirmed", "rejected", "all"):
        raise ConfigError(f"--state is open, confirmed, rejected or all, not {state!r}")
    found = review_commands.list_candidates(
        state=state, mineral=mineral, supplier=supplier, since=since, as_of=as_of, home=home
    )
    if as_json:
        print_json({"candidates": len(found), "newest": review_tables.as_records(found.head(top))})
    else:
        review_tables.print_candidates(found, top)


@app.command()
def review(
    candidate: Annotated[
        str | None, typer.Argument(help="Its id or the beginning of it; without one, all open ones in turn.")
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="It is a measure: take it into the dataset.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It is none, or it is on record already.")] = False,
    reopen: Annotated[bool, typer.Option("--reopen", help="Undo the last decision.")] = False,
    why: Annotated[str | None, typer.Option("--why", help="The reason, kept with the decision.")] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who decides (default: ORESIGHT_ANALYST, or the user).")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Correct the kind, such as export_quota.")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", help="Correct the supplier (ISO alpha-3).")] = None,
    mineral: Annotated[list[str] | None, typer.Option("--mineral", help="Correct the minerals; repeat it.")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", help="An importer it is aimed at; repeat it (default: all).")
    ] = None,
    announced: Annotated[str | None, typer.Option("--announced", metavar="YYYY-MM-DD", help="When announced.")] = None,
    in_force: Annotated[str | None, typer.Option("--in-force", metavar="YYYY-MM-DD", help="In force from.")] = None,
    ended: Annotated[
        str | None,
        typer.Option(
            "--ended",
            metavar="YYYY-MM-DD",
            help="Ended on; an end to come counts once it is over and `oresight rebuild` has read it.",
        ),
    ] = None,
    severity: Annotated[int | None, typer.Option("--severity", min=1, max=3, help="1 mild to 3 severe.")] = None,
    direction: Annotated[str | None, typer.Option("--direction", help="tightening, easing or neutral.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Correct the title.")] = None,
    evidence: Annotated[str | None, typer.Option("--evidence", help="A link to the legal text or best report.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Confirm, correct, reject or reopen a candidate; who, when and why are kept."""
    from ml import review_commands, review_tables
    from ml.asked import reviewer

    actions = [name for name, on in (("confirm", confirm), ("reject", reject), ("reopen", reopen)) if on]
    if len(actions) > 1:
        raise ConfigError(f"--{' and --'.join(actions)} exclude each other; give one")
    changes: dict[str, Any] = {
        "kind": kind,
        "supplier": supplier,
        "minerals": mineral,
        "targeted_importers": target,
        "announced_on": announced,
        "effective_on": in_force,
        "ended_on": ended,
        "severity": severity,
        "direction": direction,
        "title": title,
        "evidence": evidence,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    who = by or reviewer()
    if candidate is None or not actions:
        review_tables.walk_through(candidate, by=who, home=home, say=say)
        return
    if why is None:
        raise ConfigError("say why with --why, so that the next reader of the record understands it")
    told = review_commands.review(candidate, actions[0], why=why, by=who, changes=changes, home=home)
    print_json(told) if as_json else review_tables.print_decision(told)
