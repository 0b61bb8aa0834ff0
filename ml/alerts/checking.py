"""Looking through `alerts.toml` before it is needed: what it says, which secrets are missing, what looks unwise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from features.errors import ConfigError
from ml.alerts.channels import apprise_channel, webhook
from ml.alerts.channels.settings import AppriseChannel, Channel, Webhook, named_secrets, revealed
from ml.alerts.rules import Rules, load_rules
from ml.contract import TIERS

__all__ = ["check_rules"]

Json = dict[str, Any]


def check_rules(path: Path) -> Json:
    """Read the file as a run would, and try every channel's settings without sending anything.

    Returns:
        What it says in numbers, `problems` (a message would not go out) and `notes` (it would, but look at it).

    Raises:
        ConfigError: the file can't be read; the message names table and key.
    """
    rules = load_rules(path)
    problems, notes = [], []
    for group in rules.groups:
        for channel in group.channels:
            where = f"groups {group.id!r}, channel {channel.id!r}"
            problems += [f"{where}: {problem}" for problem in _problems(channel)]
            if re.search(r"://[^/@\s:]+:[^/@\s$]+@", getattr(channel, "url", "")):
                notes.append(f"{where}: the address holds a password; write ${{env:NAME}} or ${{file:PATH}} instead")
            if re.match(r"^http://(?!127\.|localhost)", getattr(channel, "url", "")):
                notes.append(f"{where}: http:// sends the message readable for others; write https://")
    notes += _unused(rules, path)
    return {
        "file": str(path) if path.exists() else None,
        "drill": rules.drill,
        "budget": rules.budget,
        "rules": [
            {"id": rule.id, "targets": list(rule.targets), "raise_at": rule.raise_at, "clear_at": rule.clear_at}
            for rule in rules.rules
        ],
        "groups": {group.id: [f"{each.id} ({each.kind})" for each in group.channels] for group in rules.groups},
        "plans": {
            tier: [f"{', '.join(step.groups)} after {step.after_minutes} min" for step in rules.plans.get(tier, ())]  # type: ignore[call-overload]
            for tier in reversed(TIERS)
        },
        "problems": problems,
        "notes": notes,
    }


def _problems(channel: Channel) -> list[str]:
    found = []
    for name, value in channel.model_dump().items():
        for text in value.values() if isinstance(value, dict) else [value]:
            try:
                revealed(str(text)) if named_secrets(str(text)) else None
            except ConfigError as problem:
                found.append(f"{name}: {problem}")
    if found:
        return found
    try:
        if isinstance(channel, AppriseChannel):
            apprise_channel.service(channel, time_out=1)
        elif isinstance(channel, Webhook):
            webhook.signature(revealed(channel.secret), "check", "0", b"")
    except ConfigError as problem:
        found.append(str(problem))
    return found


def _unused(rules: Rules, path: Path) -> list[str]:
    named = {name for steps in rules.plans.values() for step in steps for name in step.groups} | {*rules.notice_groups}
    notes = [
        f"group {group.id!r} is in no plan: nobody in it is told" for group in rules.groups if group.id not in named
    ]
    if not path.exists():
        notes.append(f"there is no {path}: the defaults hold, and warnings go to the page and feed only")
    elif not rules.groups:
        notes.append("there are no groups: warnings go to the page and feed only")
    lowest = min((TIERS.index(rule.lowest_tier) for rule in rules.rules), default=0)
    if rules.groups:
        bare = [tier for tier in TIERS[lowest:] if not rules.plans.get(tier)]  # type: ignore[call-overload]
        notes += [f"plans.{tier} is empty: nobody is told of warnings of this tier" for tier in bare]
    return notes
