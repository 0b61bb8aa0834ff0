"""What `oresight news evaluate` does: measure, and write page and figures where they are asked for."""

from __future__ import annotations

import json
from pathlib import Path

from features.text.labelled import UNREAD
from features.text.linking import LINKER
from ml import tracking
from ml.news_measurement import Measured, measure_file, measure_packaged
from ml.news_report import render_page, render_short
from ml.results import write_page

__all__ = ["evaluate", "short"]

short = render_short


def evaluate(
    items: Path | None = None,
    *,
    out: Path | None = None,
    page: Path | None = None,
    headlines: Path | None = None,
) -> Measured:
    """Measure the linker on labelled items; write `news-linking.md` and `news-linking.json` below `out` if given.

    Args:
        items: labelled items; those of the package by cross-validation if not given.
        page: where to write the page a second time.
        headlines: folder of recorded real headlines, for the weak examples of the cross-validation.

    Raises:
        BadInput: a file is missing or holds no labelled items.
    """
    measured = measure_file(items) if items else measure_packaged(headlines)
    if out is not None:
        command = "oresight news evaluate" + (f" {items.name}" if items else "")
        about = {
            "command": f"{command}{' --headlines HEADLINES' if headlines else ''} --out DIR",
            "linker": LINKER,
            "code": tracking.provenance().get("git_commit", "unknown"),
            "groups": len({each.group for each in measured.labelled}),
        }
        unread = None if items else measure_file(UNREAD)
        write_page(out / "news-linking.md", render_page(measured, about, unread), page)
        told = measured.as_json() | ({"unread": unread.scores.as_json()} if unread else {})
        (out / "news-linking.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return measured
