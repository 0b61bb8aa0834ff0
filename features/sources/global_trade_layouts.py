"""The three layouts in which Global Trade Alert's interventions come, read into one raw table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import BadInput
from features.sources.spec import read_table, reading

__all__ = ["RAW_COLUMNS", "answers", "from_csv", "from_json"]

CSV_COLUMNS = (
    *("Intervention ID", "Intervention URL", "State Act ID", "State Act URL", "State Act Title", "GTA Evaluation"),
    *("Implementing Jurisdictions", "Implementation Level", "Eligible Firm", "Intervention Type", "Mast Chapter"),
    *("Affected Sectors", "Affected Products", "Affected Jurisdictions", "Is Horizontal", "Date Announced"),
    *("Date Implemented", "Date Removed", "Is In Force"),
)
RAW_COLUMNS = ["row", "id", "link", "title", "evaluation", "implementers", "type", "group", "products", "tags", "text"]
RAW_COLUMNS += ["announced", "effective", "removed"]


def answers(path: Path) -> list[dict[str, Any]]:
    """Give the interventions that a JSON file lists, whichever of the two layouts.

    Raises:
        BadInput: the file is missing, damaged, or no list.
    """
    expected = "a list of interventions in JSON"
    with reading(path, expected=expected, remedy="Download it again.", also=(ValueError,)):
        told = json.loads(path.read_text(encoding="utf-8"))
    entries = told.get("interventions", told.get("results")) if isinstance(told, dict) else told
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(where=str(path), expected=expected, found=type(told).__name__, remedy="Is it the right file?")
    return entries


def from_csv(path: Path) -> pd.DataFrame:
    """Read the site's CSV export into `RAW_COLUMNS`.

    Raises:
        BadInput: the file is missing, damaged, or has another header.
    """
    table = read_table(path, [CSV_COLUMNS], encoding="utf-8-sig")
    columns = {
        "id": table["Intervention ID"],
        "link": table["Intervention URL"],
        "title": table["State Act Title"],
        "evaluation": table["GTA Evaluation"],
        "implementers": table["Implementing Jurisdictions"].str.replace(", ", ";"),
        "type": table["Intervention Type"],
        "group": table["Mast Chapter"],
        "products": table["Affected Products"].str.replace(", ", ";"),
        "announced": table["Date Announced"],
        "effective": table["Date Implemented"],
        "removed": table["Date Removed"],
    }
    return pd.DataFrame({"row": table["row"], "tags": "", "text": "", **columns})[RAW_COLUMNS]


def from_json(path: Path) -> pd.DataFrame:
    """Read a tracker's JSON or an answer of the interface into `RAW_COLUMNS`.

    Raises:
        BadInput: the file is missing, damaged, or no list.
    """
    rows = [_from_json(entry, row) for row, entry in enumerate(answers(path), start=1)]
    return pd.DataFrame(rows, columns=RAW_COLUMNS)


def _from_json(entry: Mapping[str, Any], row: int) -> dict[str, Any]:
    if "interventionType" in entry:
        own = {
            "id": entry.get("id"),
            "link": entry.get("link"),
            "title": entry.get("title"),
            "evaluation": entry.get("evaluation"),
            "implementers": ";".join(entry.get("implementers") or []),
            "type": entry["interventionType"],
            "group": entry.get("dealType"),
            "tags": ";".join(entry.get("minerals") or []),
            "text": entry.get("description"),
            "effective": entry.get("dateISO"),
        }
    else:
        own = {
            "id": entry.get("intervention_id"),
            "link": entry.get("intervention_url"),
            "title": entry.get("state_act_title"),
            "evaluation": entry.get("gta_evaluation"),
            "implementers": ";".join(c.get("iso") or c["name"] for c in entry.get("implementing_jurisdictions") or []),
            "type": entry.get("intervention_type"),
            "group": entry.get("mast_chapter"),
            "products": ";".join(f"{int(code):06d}" for code in entry.get("affected_products") or []),
            "announced": entry.get("date_announced"),
            "effective": entry.get("date_implemented"),
            "removed": entry.get("date_removed"),
        }
    told = {name: str(cell or "") for name, cell in own.items()}
    return dict.fromkeys(RAW_COLUMNS, "") | told | {"row": row}
