"""The sheet of one supplier for people: what `ml.country_sheet` gathered, in sections, with the age of every list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from ml.screen import screen, visible

__all__ = ["print_sheet"]

Json = Mapping[str, Any]


def print_sheet(sheet: Json) -> None:
    """Print a sheet."""
    console = screen(120)
    about = f", {sheet['mineral']}" if sheet["mineral"] else ""
    console.print(f"{sheet['name']} ({sheet['supplier']}){about}, as known on {sheet['as_of']}", style="bold")
    for title, lines in (
        ("Risk and fragility", _risk(sheet)),
        ("Politics", _politics(sheet["politics"])),
        ("Sanctions", _sanctions(sheet["sanctions"])),
        ("Disasters near producing regions, last 52 weeks", _disasters(sheet["disasters"])),
    ):
        console.print(f"\n{title}", style="bold")
        for line in lines:
            console.print(visible(f"  {line}"))
    console.print("\nStraits on the way to its partners", style="bold")
    _straits(console, sheet["straits"], sheet["straits_counted"])


def _risk(sheet: Json) -> list[str]:
    found, lines = sheet["risk"], []
    if not sheet["risk_collected"]:
        lines.append("Geopolitical Risk index: nothing was collected")
    elif found is None:
        lines.append("Geopolitical Risk index: no series of its own")
    else:
        usual = (
            "" if found["mean_36_months"] is None else f", mean of the 36 months before {found['mean_36_months']:.3g}"
        )
        surprise = "" if found["surprise"] is None else f" ({found['surprise']:+.1f} standard deviations)"
        lines.append(f"Geopolitical Risk index, {found['month']}: {found['value']:.3g} % of articles{usual}{surprise}")
    for each in sheet["indices"]:
        before = "" if each["a_year_before"] is None else f", a year before {each['a_year_before']:g}"
        lines.append(f"{each['what'][0].upper()}{each['what'][1:]}: {each['value']:g} in {each['period']}{before}")
    return lines


def _politics(found: Json) -> list[str]:
    if not found["lists"]:
        return ["nothing was collected"]
    lines = [f"{each['on']}  {each['title']} (to come)" for each in found["coming"]]
    lines += [
        f"{each['on']}  {each['title']} (was due; its list had ended, so not known whether held)"
        for each in found["due"]
    ]
    last = found["last_coup"]
    lines.append(
        f"last coup, attempt or plot: {last['on']}  {last['title']}" if last else "no coup or attempt on record"
    )
    lines += [f"{each['on']}  {each['title']}" for each in found["past"]]
    return [*lines, f"until when each list reaches: {_ages(found['lists'])}"]


def _sanctions(found: Json) -> list[str]:
    if not found["lists"]:
        return ["nothing was collected"]
    lines = [f"programmes in force: {found['programmes_in_force']} against it, {found['imposes']} of its own"]
    lines += [f"{each['since'] or '?'}  {each['name']} ({each['imposed_by_name']})" for each in found["programmes"]]
    entries = ", ".join(f"{code} {count:,}" for code, count in found["entries"].items())
    if found["lists_of_entries"]:
        seen = ", ".join(found["lists_of_entries"])
        lines.append(f"people and firms ({seen}): {entries or 'none'}; of mining or metals {found['metals_in_force']}")
    else:
        lines.append("people and firms: no list of them had been seen")
    lines += [f"{each['name']} ({each['imposed_by']}, seen from {each['seen_from']})" for each in found["metals"]]
    return [*lines, f"newest change of each list: {_ages(found['lists'])}"]


def _disasters(found: Json) -> list[str]:
    if not found["regions"]:
        return ["the catalogue knows no mine, smelter or district here"]
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found["located"].items())
    lines = []
    for each in found["found"]:
        strength = "" if each["magnitude"] is None else f" {each['magnitude']:.1f}"
        effect = ", ".join(f"{name} {100 * hit:.0f} %" for name, hit in each["effect"].items())
        lines.append(f"{each['on']}  {each['kind']}{strength}, {each['title']}: effect on output {effect}")
    if not lines:
        silent = "no list of disasters was collected, or it ended more than half a year before: not known"
        lines = ["none that is likely to have touched one" if found["is_alive"] else silent]
    newest = found["newest"] or "none"
    return [*lines, f"{found['regions']} regions known, share of output: {shares}; newest disaster anywhere: {newest}"]


def _straits(console: Console, found: list[Json], counted: list[str]) -> None:
    if not counted:
        console.print("  nothing was collected")
        return
    if not found:
        console.print(f"  none of those that are counted: {', '.join(counted)}")
        return
    table = Table(box=box.SIMPLE_HEAD)
    head = ("strait", "partners behind it", "share of tonnes", "ships a day, 4 weeks", "a year before", "ratio")
    for name in (*head, "counted until"):
        table.add_column(name, justify="left" if name in ("strait", "counted until") else "right")
    for each in found:
        numbers = [_number(each[name], 1) for name in ("calls_a_day", "a_year_before")]
        share = "–" if each["share"] is None else f"{100 * each['share']:.0f} %"
        table.add_row(each["name"], str(each["partners"]), share, *numbers, _number(each["ratio"], 2), each["until"])
    console.print(table)


def _ages(lists: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {day}" for name, day in sorted(lists.items()))


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
