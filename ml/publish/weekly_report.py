"""The weekly page: one HTML file for officials and analysts, no script and nothing loaded from elsewhere.

`render_weekly_report` takes the tables of a run and gives the page as text, the same for the same
rows in any order. Numbers are taken from the tables here and worded in `weekly.html.j2`; nothing is
computed anew but shares of world exports.
"""

from __future__ import annotations

__all__ = ["render_weekly_report"]

import re
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from markupsafe import Markup

from features.catalog import load_catalog
from features.errors import ContractError
from features.panel import MAJOR_SHARE_FRAC
from ml import charts
from ml.contract import TIERS
from ml.pages import TARGET_NAMES, name_of, template_environment
from models.explanation import BASE, DRIVERS, sentences_on_record, signal_totals
from models.targets import HORIZONS, TARGETS

Json = Mapping[str, Any]
Line = dict[str, Any]
Shares = Mapping[tuple[str, str], float]

HEADLINE = ("supply_drop", "current_year")
AT_RISK = ("elevated", "severe")
CARDS, MOVERS, NAMED = 8, 10, 12
USUAL_YEARS = 5
MOVED_FROM = 0.005  # half a percentage point: less is not worth a minister's minute
SIGNAL_NAMES = {"restrictions": "Export measures", "trade": "Trade record"}
PAIR = ["mineral", "supplier"]
OPTIONAL = ("trained_as_of", "data_as_of", "counts", "drift")


def render_weekly_report(forecasts: pd.DataFrame, explanations: pd.DataFrame, meta: Json, history: pd.DataFrame) -> str:
    """Give the page of one run as HTML.

    Args:
        forecasts: the run's forecast rows; may be empty or abstain throughout.
        explanations: its explanation rows: target, horizon, mineral, supplier, signal, contribution.
        meta: `as_of` (ISO date), `week`, `run_id` and `kind` (`live` or another); optional `trained_as_of`,
            `data_as_of` (dataset -> ISO date), `counts` (name -> number), `tier_limits` (tier -> lower bound), `drift`
            (a section of the page) and `scores`: `onset_auc` and `when`, each with value, low, high; `ece`; `source`,
            the command.
        history: mineral, supplier, year, tonnes of every exporter as known at `as_of`, one row each.

    Raises:
        ContractError: a year of a pair stands twice in `history`.
    """
    if history.duplicated([*PAIR, "year"]).any():
        raise ContractError("history holds a year of a pair twice; pass one picture of past exports (known_exports)")
    year = pd.Timestamp(str(meta["as_of"])).year
    rows = forecasts.sort_values(["target", "horizon", *PAIR], ignore_index=True)
    rows = rows.assign(event=[_event(*key, year) for key in zip(rows["target"], rows["horizon"], strict=True)])
    shares, lines = _shares(history), _lines(rows, _shares(history))
    first = _of(lines, HEADLINE)
    established = _established(history)
    majors = [line for line in first if (line["mineral"], line["supplier"]) in established]
    context = {
        "meta": dict.fromkeys(OPTIONAL) | dict(meta),
        "year": year,
        "kind": str(meta.get("kind", "live")),
        "last_year": int(history["year"].max()) if len(history) else None,
        "scores": meta.get("scores") or {},
        "counts": _counts(rows, year),
        "first": first,
        "majors": majors,
        "next": _of(lines, ("supply_drop", "next_year")),
        "severe": _of(lines, ("severe_supply_drop", "current_year")),
        "cards": _cards((majors or first)[:CARDS], explanations, history),
        "is_empty": rows.empty,
        "has_previous": bool(rows["change"].notna().any()),
        "movers": _movers(lines),
        "minerals": _minerals(first, shares),
        "notes": _notes(rows),
        "tiers": _tiers(rows, meta.get("tier_limits") or {}),
        "models": sorted(set(zip(rows["model_name"], rows["model_version"], strict=True))),
        "digests": sorted(set(rows["data_digest"])),
    }
    environment = template_environment()
    environment.filters |= {"percent": _percent, "points": _points, "day": _day, "of_100": _of_100, "mid": _mid}
    return environment.get_template("weekly.html.j2").render(context)


def _of(lines: list[Line], key: tuple[str, str]) -> list[Line]:
    return [line for line in lines if (line["target"], line["horizon"]) == key]


# ---- words ---------------------------------------------------------------------------------------


def _percent(share: float) -> str:
    if np.isnan(share):
        return "–"
    rounded = "<1" if 0 < share < 0.005 else ">99" if 0.995 <= share < 1 else f"{100 * share:.0f}"
    return f"{rounded}\u00a0%"


def _points(change: float) -> str:
    if np.isnan(change):
        return "–"
    return f"{100 * change:+.1f}".replace("-", "\u2212") if abs(change) >= 0.0005 else "0"


def _mid(name: str) -> str:
    return name[:1].lower() + name[1:]


def _day(iso: str) -> str:
    day = pd.Timestamp(str(iso))
    return f"{day.day} {day:%B %Y}"


def _event(target: str, horizon: str, year: int) -> str:
    return f"{name_of(target, TARGET_NAMES)} in {year + HORIZONS.get(horizon, 0)}"


def _names(mineral: str, supplier: str) -> Line:
    """Give the names of a pair; what the catalogue does not know keeps its id."""
    catalog = load_catalog()
    known, country = catalog.minerals.get(mineral), catalog.countries.get(supplier)
    return {
        "name": known.name_en if known else mineral,
        "zh": known.name_zh_tw if known else "",
        "country": country.name_en if country else supplier,
    }


def _lines(rows: pd.DataFrame, shares: Shares) -> list[Line]:
    """Give the rows with a probability, highest first, with names, share, drivers and what the bar is drawn from."""
    given = rows[rows["probability"].notna()].sort_values("probability", ascending=False, kind="stable")
    columns, found = [str(name) for name in given.columns], []
    for values in given.itertuples(index=False, name=None):
        row = dict(zip(columns, values, strict=True))
        pair = (row["mineral"], row["supplier"])
        drivers = [row[name] for name in DRIVERS if isinstance(row[name], str) and row[name]]
        bar = {name: round(100 * row[name], 1) for name in ("probability", "p_low", "p_high", "base_rate")}
        found.append(row | _names(*pair) | {"share": shares.get(pair, np.nan), "drivers": drivers, "bar": bar})
    return found


def _of_100(score: Json) -> str:
    low, high = score.get("low"), score.get("high")
    interval = "" if low is None or high is None else f" (95 % interval {100 * low:.0f} to {100 * high:.0f})"
    return f"{100 * score['value']:.0f} times in 100{interval}"


# ---- tables --------------------------------------------------------------------------------------


def _shares(history: pd.DataFrame) -> Shares:
    """Give each pair's share of world exports over the last three known years."""
    recent = history[history["year"] > history["year"].max() - 3]
    tonnes = recent.groupby(PAIR)["tonnes"].sum()
    world = tonnes.groupby(level="mineral").transform("sum")
    shares = (tonnes / world.where(world > 0)).reset_index()
    pairs = zip(shares["mineral"], shares["supplier"], strict=True)
    return dict(zip(pairs, shares["tonnes"], strict=True))


def _established(history: pd.DataFrame) -> set[tuple[str, str]]:
    """Give the pairs with a major share in most of the last five years: one odd year makes no major supplier."""
    recent = history[history["year"] > history["year"].max() - USUAL_YEARS]
    world = recent.groupby(["mineral", "year"])["tonnes"].transform("sum")
    large = recent[recent["tonnes"] >= MAJOR_SHARE_FRAC * world.where(world > 0)]
    years = large.groupby(PAIR)["year"].size()
    often = years[years > USUAL_YEARS / 2].reset_index()
    return set(zip(often["mineral"], often["supplier"], strict=True))


def _counts(rows: pd.DataFrame, year: int) -> list[Line]:
    found = []
    for target in TARGETS:
        for horizon in HORIZONS:
            part = rows[rows["target"].eq(target) & rows["horizon"].eq(horizon)]
            tiers = {tier: int(part["tier"].eq(tier).sum()) for tier in TIERS}
            other = {name: int(part[name].astype(bool).sum()) for name in ("alert", "abstained")}
            found.append({"event": _event(target, horizon, year), **tiers, **other})
    return found


def _movers(lines: list[Line]) -> list[Line]:
    """Give the largest moves since the week before, each pair once."""
    moved = [line for line in lines if abs(line["change"]) >= MOVED_FROM]
    moved.sort(key=lambda line: (-round(abs(line["change"]), 9), line["mineral"], line["supplier"], line["event"]))
    once = {(line["mineral"], line["supplier"]): line for line in reversed(moved)}
    return [line for line in moved if once[line["mineral"], line["supplier"]] is line][:MOVERS]


def _minerals(first: list[Line], shares: Shares) -> list[Line]:
    """Give each mineral's highest risk and how much of world exports is at elevated or severe risk."""
    found = []
    for mineral in sorted({line["mineral"] for line in first}):
        of = [line for line in first if line["mineral"] == mineral]
        risky = [line for line in of if line["tier"] in AT_RISK]
        at_risk = sum(line["share"] for line in risky if not np.isnan(line["share"])) if shares else np.nan
        found.append({"top": of[0], "suppliers": len(of), "risky": len(risky), "at_risk": at_risk})
    return sorted(found, key=lambda row: (-np.nan_to_num(round(row["at_risk"], 9)), row["top"]["mineral"]))


def _notes(rows: pd.DataFrame) -> list[Line]:
    """Give what is abstained from or stale by reason, with a few names each."""
    found = []
    for flag, words in (("abstained", "No probability"), ("stale", "Stale data")):
        part = rows[rows[flag].astype(bool)].drop_duplicates(PAIR)
        default = (
            "older than the publisher's calendar; intervals are wider" if flag == "stale" else "no reason recorded"
        )
        reasons = part["reason"].where(part["reason"].notna() & part["reason"].ne(""), default)
        for reason, of in part.groupby(reasons, sort=True):
            names = [_names(*pair) for pair in of[PAIR].itertuples(index=False, name=None)]
            pairs = [f"{name['name']} from {name['country']}" for name in names[:NAMED]]
            found.append({"what": words, "reason": reason, "n": len(of), "pairs": pairs})
    return found


def _tiers(rows: pd.DataFrame, limits: Json) -> list[Line]:
    """Give each tier, highest first, with its cut-off if told and the range seen this week."""
    found = []
    for tier in reversed(TIERS):
        seen = rows.loc[rows["tier"].eq(tier), "probability"]
        cut = f"{_percent(limits[tier])} or more" if tier in limits else ""
        if tier == TIERS[0] and TIERS[1] in limits:
            cut = f"under {_percent(limits[TIERS[1]])}"
        span = f"{_percent(seen.min())} to {_percent(seen.max())}" if len(seen) else ""
        found.append({"tier": tier, "cut": cut, "span": span})
    return found


# ---- cards ---------------------------------------------------------------------------------------


def _cards(chosen: list[Line], explanations: pd.DataFrame, history: pd.DataFrame) -> list[Line]:
    """Add to each line its export chart and its contributions by signal, all on one scale."""
    totals: dict[tuple[str, str], list[tuple[str, float]]] = {}
    if len(explanations):
        is_headline = explanations["target"].eq(HEADLINE[0]) & explanations["horizon"].eq(HEADLINE[1])
        wanted = explanations[is_headline & explanations["signal"].ne(BASE)]
        for mineral, supplier, signal, total in signal_totals(wanted).itertuples(index=False, name=None):
            totals.setdefault((mineral, supplier), []).append((signal, total))
    noted = sentences_on_record(wanted) if len(explanations) else {}
    of_card = [sorted(totals.get((c["mineral"], c["supplier"]), []), key=lambda t: (-abs(t[1]), t[0])) for c in chosen]
    most = max((abs(total) for signals in of_card for _, total in signals), default=1.0) or 1.0
    found = []
    for line, signals in zip(chosen, of_card, strict=True):
        bars = [
            {
                "name": SIGNAL_NAMES.get(signal, name_of(signal, {})),
                "value": f"{total:+.2f}".replace("-", "\u2212") if abs(total) >= 0.005 else "0",
                "start": round(100 + min(0.0, 100 * total / most), 1),
                "width": round(abs(100 * total / most), 1),
                "raises": total > 0,
            }
            for signal, total in signals
            if total
        ]
        on_record = noted.get((line["mineral"], line["supplier"]), [])
        found.append(line | {"bars": bars, "chart": _export_chart(line, history), "on_record": on_record})
    return found


def _export_chart(line: Line, history: pd.DataFrame) -> Markup | None:
    """Draw exports per year and what 70 % of the mean of the three years before was; None without figures."""
    mineral = history[history["mineral"].eq(line["mineral"])]
    own = mineral[mineral["supplier"].eq(line["supplier"])].set_index("year")["tonnes"]
    if own.empty:
        return None
    # A year in which others exported the mineral and this supplier did not is zero, not unknown.
    tonnes = own.reindex(sorted(mineral["year"].unique()), fill_value=0.0)
    tonnes = tonnes.reindex(range(int(tonnes.index.min()), int(tonnes.index.max()) + 1))
    limit = TARGETS["supply_drop"].ratio * tonnes.shift(1).rolling(3).mean()
    size, unit = next(
        s for s in ((1e6, "million t"), (1e3, "thousand t"), (1.0, "t")) if tonnes.max() >= s[0] or s[0] == 1
    )
    state = np.where(tonnes < limit, "drop", "no drop")
    table = pd.DataFrame(
        {"year": tonnes.index.astype(str), "tonnes": tonnes / size, "limit": limit / size, "state": state}
    )
    labels = [str(y) for y in tonnes.index if y % 5 == 0]
    x = alt.X("year:O", title=None, axis=alt.Axis(values=labels, labelAngle=0))
    colour = alt.Color(
        "state:N", legend=None, scale=alt.Scale(domain=["drop", "no drop"], range=["#c2570c", "#8fa6bf"])
    )
    y = alt.Y("tonnes:Q", title=None, axis=alt.Axis(tickCount=4))
    bars = alt.Chart(table.reset_index(drop=True)).mark_bar().encode(x=x, y=y, color=colour)
    ticks = alt.Chart(table.dropna()).mark_tick(color="#1c2530", thickness=1.6, width=9).encode(x=x, y="limit:Q")
    title = alt.TitleParams(
        f"Exports, {unit}", anchor="start", frame="group", fontSize=11, fontWeight="normal", offset=4
    )
    layers: Any = alt.layer(bars, ticks).properties(width=360, height=120, title=title)
    layers = layers.configure(font=charts.FONT, background="white", aria=False, padding=2)
    styled = layers.configure_view(stroke=None).configure_axis(labelFontSize=11, titleFontSize=11, gridColor="#e7eaee")
    return Markup(re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", charts.to_svg(styled)))
