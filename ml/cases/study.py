"""Draw known crises: read the store, follow each feature week by week, and write charts and a page."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features.errors import ConfigError
from features.knowledge_time import UTC
from features.panel import family_of, features_of
from ml import tracking
from ml.asked import known_moment
from ml.cases.known import CASES, Case
from ml.cases.page import Found, chart, file_name, render
from ml.cases.series import mondays, stands_out, verdict, weekly_values
from ml.charts import to_svg
from ml.knowledge import Knowledge, open_store, signals_named
from ml.results import write_page
from ml.scores import finite
from ml.settings import load_settings

__all__ = ["CHARTS", "PAGE", "CaseStudy", "follow", "study"]

PAGE = "cases.md"
CHARTS = "cases"
# What an axis is called, by unit of the feature.
UNITS = {"log_ratio": "logarithm of the ratio", "frac": "share", "count": "sum"}


@dataclass(frozen=True)
class CaseStudy:
    """The result as JSON would have it, and the page."""

    result: dict[str, Any]
    page: str


def study(
    out: Path,
    *,
    cases: Sequence[str] | None = None,
    as_of: str | None = None,
    page: Path | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> CaseStudy:
    """Follow the features of each case, and write `cases.md`, `cases.json` and the charts below `out`.

    Args:
        cases: ids of `CASES`; all by default.
        as_of: what the store is taken to know; each Monday still shows only what was known on it.
        page: where to write the page a second time, the charts beside it.

    Raises:
        ConfigError: an unknown case, or a date in the future.
    """
    settings, now = load_settings(home), dt.datetime.now(UTC)
    moment = known_moment(as_of, now=now)
    chosen = _chosen(cases)
    store = open_store(settings, now=now, say=say)
    families = sorted({family_of(name) for case in chosen for name in case.features})
    knowledge = Knowledge(store, moment, signals_named(families))
    found: list[Found] = []
    for number, case in enumerate(chosen, start=1):
        say(f"case {number} of {len(chosen)}: {case.title}")
        found += follow(knowledge, case)
    named = "".join(f" --case {name}" for name in cases or ())
    about = {"command": f"oresight cases{named} --as-of {moment.date()} --out DIR", "data_digest": knowledge.digest}
    about |= tracking.provenance()
    for folder in (out, *([page.parent] if page else [])):
        _write_charts(folder / CHARTS, found)
    text = render(about, found, charts=CHARTS)
    result = {"about": about, "cases": [_as_json(each) for each in found]}
    (out / "cases.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_page(out / PAGE, text, page)
    return CaseStudy(result, text)


def follow(knowledge: Knowledge, case: Case) -> list[Found]:
    """Give what each feature of a case said, week by week, up to what is known."""
    last = min(case.last, knowledge.as_of.date())
    # Three years more, so that the first week drawn has a past to stand out from.
    early = case.first - dt.timedelta(days=3 * 366)
    weeks = mondays(early, last)
    values = weekly_values(knowledge, case.mineral, case.supplier, case.features, weeks)
    declared = {feature.name: feature for feature in features_of()}
    found = []
    for name in case.features:
        is_low_bad = name in case.low
        told = values[["as_of"]].assign(value=values[name], stands_out=stands_out(values[name], is_low_bad=is_low_bad))
        said = verdict(values["as_of"], values[name], case.event_on, is_low_bad=is_low_bad)
        drawn = told[told["as_of"].dt.date >= case.first].reset_index(drop=True)
        unit = UNITS.get(declared[name].unit, declared[name].unit)
        found.append(Found(case, name, declared[name].sentence, unit, drawn, said))
    return found


def _chosen(cases: Sequence[str] | None) -> list[Case]:
    known = {case.id: case for case in CASES}
    unknown = [name for name in cases or () if name not in known]
    if unknown:
        raise ConfigError(f"--case: no case is called {', '.join(unknown)}; there are {', '.join(known)}")
    return list(CASES) if cases is None else [known[name] for name in dict.fromkeys(cases)]


def _write_charts(folder: Path, found: Sequence[Found]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Charts of an earlier time would lie beside a page that doesn't name them.
    for case in {each.case.id for each in found}:
        for old in folder.glob(f"{case}-*.svg"):
            old.unlink()
    for each in found:
        if each.weeks["value"].notna().any():
            (folder / file_name(each)).write_text(to_svg(chart(each)), encoding="utf-8")


def _as_json(found: Found) -> dict[str, Any]:
    weeks = found.weeks
    return {
        "case": found.case.id,
        "title": found.case.title,
        "mineral": found.case.mineral,
        "supplier": found.case.supplier,
        "event_on": found.case.event_on.isoformat(),
        "event": found.case.event,
        "feature": found.feature,
        "sentence": found.sentence,
        **asdict(found.verdict),
        "weeks": [
            {"as_of": at.date().isoformat(), "value": finite(value), "stands_out": None if out != out else bool(out)}
            for at, value, out in weeks.itertuples(index=False, name=None)
        ],
    }
