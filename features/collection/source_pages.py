"""The page about data sources, made from what each source declares of itself, as Markdown.

Facts (publisher, licence, lag, key, limits) come from `SPEC`, so the page cannot say anything else than the code. What
is known to go wrong stands in `docs/source-notes/<source>.md` where there is such a file, else in the
source module's own description. `python -m features.collection.source_pages` writes docs/data-sources.md.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from features.collection import SOURCES, source

__all__ = ["NOTES", "PATH", "main", "sources_markdown"]

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "data-sources.md"
NOTES = ROOT / "docs" / "source-notes"

INTRO = """# Data sources

<!-- Made by `make data-sources` from features/sources/ and docs/source-notes/; changes here are lost. -->

What each source is, from when its figures count as known, under which licence, how to cite it, how it is fetched,
and what is known to go wrong. {embedded} ship inside the package and are read at the first run; the
bundle's own [ATTRIBUTION.md](../features/bundle/ATTRIBUTION.md) says what was changed on the way in, and
[decision 0005](decisions/0005-embedded-bundle.md) why these and no others are embedded. Files of all other
sources come from their publisher, by `oresight collect`, or from you, by `oresight ingest`; they are never
committed to the project.

`oresight sources` prints the state of each on this machine, `oresight sources NAME` one in full.

## Getting newer data

```
oresight collect [SOURCE…]                               fetch what publishers have put out
oresight ingest SOURCE FILE… [--released YYYY-MM-DD]     take files that somebody else downloaded
oresight ingest-dir FOLDER                               take a folder laid out as SOURCE/[YYYY-MM-DD/]FILE
oresight revisions DATASET                               what later releases changed
oresight rebuild [--without FILE]                        read everything again: the undo
```

Files that came out at one moment are one **release**. Its moment is what `--released` says, else what the file says
itself, else the folder's date, else, for what was fetched, the moment of fetching.

- In the **first** release of a source each figure counts from the date its lag rule gives, but not later than the
  release. Its history is taken as never revised: an approximation, and the only one possible.
- In a **later** release a figure that is the same adds nothing; one that changed is a revision and counts from that
  release; one never seen before counts from its lag date if the release before could not have held it yet, else from
  the release that brings it.
- Releases are read oldest first. An older one that comes late is kept and not read; `oresight rebuild` puts it in
  its place.
- A file whose release nobody knows must not contradict what is stored; say when it came out with `--released`.
- A figure that a release no longer holds is counted and stays. Sources that withdraw entries by leaving them out are
  marked below.

[Decision 0010](decisions/0010-collection.md) gives the reasons and a worked example.

A release is taken whole or not at all. More than 0.1 % rejected rows refuse a file; fewer go to the quarantine table
with file, row, field, value and reason, and are counted on the screen. A file is refused, too, when a column is
missing, a unit unknown, a date in the future, when the figures of a series are all of a sudden a thousand times as
large or as small as the stored ones, or when a list has lost more than a fifth of its entries. It then lies under
`payloads/SOURCE/quarantine/` of the home folder with the reason, and the last good data stay. `--accept-jumps` takes
figures that jumped, or a list that shrank, if that is how the world is. Accepted files are kept byte for byte under
`payloads/SOURCE/`, each under its own digest. Taking in the same file twice adds nothing.
"""


def sources_markdown(names: Iterable[str] = SOURCES, *, notes: Path = NOTES) -> str:
    """Write the page about the sources called `names`."""
    modules = {name: source(name) for name in names}
    embedded = [name for name, module in modules.items() if module.SPEC.is_embedded]
    parts = [INTRO.format(embedded=_listed([f"`{name}`" for name in embedded])), _overview(modules)]
    parts += [_section(name, module, notes) for name, module in modules.items()]
    return "\n".join(parts)


def _overview(modules: Mapping[str, ModuleType]) -> str:
    lines = [
        "## All sources",
        "",
        "| source | publisher | fills | comes by | may be passed on |",
        "|---|---|---|---|---|",
    ]
    for name, module in modules.items():
        spec = module.SPEC
        fills = ", ".join(f"`{dataset}`" for dataset in spec.fills)
        passed_on = "yes" if spec.may_redistribute else "no"
        lines.append(f"| [`{name}`](#{name}) | {_cell(spec.publisher)} | {fills} | {_comes_by(module)} | {passed_on} |")
    return "\n".join(lines) + "\n"


def _comes_by(module: ModuleType) -> str:
    ways = ["embedded"] if module.SPEC.is_embedded else []
    if hasattr(module, "requests"):
        needs_key = module.SPEC.key_setting and not module.SPEC.key_is_optional
        ways.append("`collect` with a key" if needs_key else "`collect`")
    return ", ".join([*ways, "`ingest`"])


def _section(name: str, module: ModuleType, notes: Path) -> str:
    spec = module.SPEC
    facts = {
        "publisher": spec.publisher,
        "address": spec.address,
        "fills": ", ".join(f"`{dataset}`" for dataset in spec.fills),
        "published": spec.cadence,
        "known from": spec.lag_rule,
        "licence": f"{spec.licence}; may {'' if spec.may_redistribute else 'not '}be passed on",
        "cite": spec.citation,
        "`oresight ingest` takes": spec.takes,
        "`oresight collect`": _collected(module),
        "stale after": f"{spec.stale_after_days} days without a newer observation",
    }
    if getattr(module, "WITHDRAWS", False):
        facts["withdraws"] = "an entry that a release no longer holds counts as withdrawn from that release on"
    if not spec.seen_live:
        facts["**not yet seen live**"] = (
            "built from the publisher's documentation; its first real answer may surprise it"
        )
    rows = [f"| {key} | {_cell(value)} |" for key, value in facts.items()]
    head = [f"## {name}", "", f"{spec.title}.", "", "| | |", "|---|---|"]
    return "\n".join([*head, *rows, "", _notes(module, notes)])


def _collected(module: ModuleType) -> str:
    spec = module.SPEC
    if not hasattr(module, "requests"):
        return "no: download it at the address above"
    hosts = ", ".join(f"`{host}`" for host in spec.hosts) or "where the setting `endpoints` says"
    verb = "takes" if spec.key_is_optional else "needs"
    key = f"; {verb} a key in `{spec.key_setting}`" if spec.key_setting else ""
    return f"from {hosts}; at most {spec.requests_per_minute} requests a minute, {spec.max_megabytes} MB a file{key}"


def _notes(module: ModuleType, notes: Path) -> str:
    path = notes / f"{module.SPEC.name}.md"
    if path.exists():
        return path.read_text(encoding="utf-8").strip() + "\n"
    description = inspect.cleandoc(module.__doc__ or "").partition("\n\n")[2]
    return description.strip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""])) or "None"


def main() -> int:
    """Write docs/data-sources.md and say so."""
    PATH.write_text(sources_markdown(), encoding="utf-8")
    sys.stdout.write(f"{PATH}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
