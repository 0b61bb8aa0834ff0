"""Signal `hazards`: natural disasters near the mines, smelters and refineries of a pair, by their likely effect there.

A disaster hits a pair by the sum, over the producing regions that the catalogue knows for it, of the region's share of
the country's output times the effect there (`hazard_effects`: by kind, strength and distance, 0 to 1). It counts from
when it became known: a later version that hits harder adds the difference from its own moment, one that hits less
takes the difference away, a withdrawal takes all. What several sources tell of one disaster counts once, as the
hardest of them (`hazard_events`).

A pair of which the catalogue knows no region that works is missing, never zero: before the first of its places began,
and from 1 January after the year in which the last one closed. Where no hazard of any kind, anywhere, is younger than
`ALIVE_WEEKS`, the lists have stopped and counts are missing; so is a window of which less than half was watched. A
list of significant quakes has one every few weeks. Lists differ in what they hold: before the first flood or cyclone
was collected, zero means no quake and no eruption.

The regions are as known today, used for the past too. That is a look ahead, though only at where mines and plants are:
a place counts for disasters from the year in which it began to the one in which it closed, but its share is that of
recent or of its last years. How much of the output the regions of a pair stand for is therefore no feature.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.catalog.regions import load_regions, shares_in
from features.datasets import MOMENT
from features.hazard_events import distinct_events
from features.signals.declaration import Feature, Signal, Steps, Tables
from features.signals.event_windows import changes, counted
from features.signals.hazard_effects import effects
from features.weeks import week_from, week_of

__all__ = ["ALIVE_WEEKS", "ELSEWHERE_WEEKS", "NOTICED_FROM", "SIGNAL", "WINDOWS_WEEKS", "WORST_WEEKS", "hits"]

WINDOWS_WEEKS = (4, 13, 52)
WORST_WEEKS = ELSEWHERE_WEEKS = 13
ALIVE_WEEKS = 26
# The effect at a region from which it is told how long ago it was: shaking a little over intensity V.
NOTICED_FROM = 0.1
# Places older than 2000 were there before any hazard that is kept.
ALWAYS = pd.Timestamp("1900-01-01", tz="UTC")
PAIR = ["mineral", "supplier"]
# Far below any effect; keeps sums the same however they are split.
DIGITS = 9

FEATURES = (
    *(
        Feature(
            f"hazards_hit_{weeks}w",
            "count",
            f"Disasters that became known in the last {weeks} weeks: effect at the pair's regions, by share of output.",
        )
        for weeks in WINDOWS_WEEKS
    ),
    Feature(
        f"hazards_worst_{WORST_WEEKS}w", "frac", f"Effect of the hardest disaster of the last {WORST_WEEKS} weeks."
    ),
    Feature("hazards_weeks_since", "weeks", f"Weeks since a region was last hit with an effect of {NOTICED_FROM}."),
    Feature(
        f"hazards_elsewhere_{ELSEWHERE_WEEKS}w",
        "count",
        f"Disasters of the last {ELSEWHERE_WEEKS} weeks at the mineral's other suppliers, each by its own output.",
    ),
    Feature("hazards_age_weeks", "weeks", "Weeks since the newest disaster of any kind, anywhere, that is known."),
)


def hits(hazards: pd.DataFrame, regions: pd.DataFrame) -> pd.DataFrame:
    """Give how hard each row of `hazards` hits each pair that it reaches.

    Args:
        hazards: rows of the dataset.
        regions: as `load_regions` gives them.

    Returns:
        hazard (position in `hazards`), mineral, supplier, hit (sum of share times effect) and strongest (the largest
        effect at one region), sorted by the first three.
    """
    places = regions.drop_duplicates("id").reset_index(drop=True)
    reached = effects(hazards, places)
    reached["id"] = places["id"].to_numpy()[reached["place"]]
    reached["year"] = hazards["happened_at"].dt.year.to_numpy()[reached["hazard"]]
    found = reached.merge(shares_in(regions, reached["year"]), on=["id", "year"])
    found = found.assign(hit=found["share_frac"] * found["effect"]).rename(columns={"iso3": "supplier"})
    of_pairs = found.groupby(["hazard", *PAIR], as_index=False)
    return of_pairs.agg(hit=("hit", "sum"), strongest=("effect", "max")).round({"hit": DIGITS, "strongest": DIGITS})


def steps(tables: Tables, catalog: Catalog) -> list[Steps]:
    """Give step functions of what hits each pair and each mineral, of which pairs have places, and of the lists."""
    regions = load_regions()
    states = _states(distinct_events(tables["hazards"]), regions)
    layers = _layers(states, "hit")
    noticed = _layers(states.assign(noticed=states["strongest"].ge(NOTICED_FROM).astype("float64")), "noticed")
    places = _places(regions)
    columns = {f"hit_{weeks}w": weeks for weeks in WINDOWS_WEEKS}
    rows = pd.concat(
        [
            changes(layers, name, layers["amount"], layers["available_at"] + pd.Timedelta(weeks=weeks))
            for name, weeks in columns.items()
        ],
        ignore_index=True,
    )
    own = counted(rows, PAIR, columns).rename(columns={name: f"hazards_own_{name}" for name in columns})
    other = f"hit_{ELSEWHERE_WEEKS}w"
    total = counted(rows, ["mineral"], [other]).rename(columns={other: f"hazards_mineral_{other}"})
    ends = layers["available_at"] + pd.Timedelta(weeks=WORST_WEEKS)
    worst = layers.assign(until=pd.concat([ends, layers["withdrawn_at"]], axis=1).min(axis=1), value=layers["level"])
    last = noticed.assign(until=noticed["withdrawn_at"], value=week_from(noticed["available_at"]).astype("float64"))
    none_yet = places.drop_duplicates(PAIR)[[*PAIR, "available_at"]]
    return [
        Steps(tuple(PAIR), _after(none_yet, own)),
        Steps(tuple(PAIR), _after(none_yet, _highest(worst, "hazards_own_worst", none=0.0))),
        Steps(tuple(PAIR), _highest(last, "hazards_noticed_week", none=np.nan)),
        Steps(tuple(PAIR), places),
        Steps(("mineral",), total),
        Steps(("mineral",), _suppliers_located(places)),
        Steps((), _lists(tables["hazards"])),
    ]


def _states(told: pd.DataFrame, regions: pd.DataFrame) -> pd.DataFrame:
    # How hard each disaster hits each pair, as known from each moment at which that changed: the hardest of the newest
    # versions of all events that tell of it.
    found = hits(told, regions)
    of_row: dict[int, dict[tuple[str, str], tuple[float, float]]] = {}
    for row, mineral, supplier, hit, strongest in found.itertuples(index=False, name=None):
        of_row.setdefault(row, {})[mineral, supplier] = (hit, strongest)
    told = told.assign(row=range(len(told)))
    touched = told[told["disaster_id"].isin(told["disaster_id"].iloc[found["hazard"].unique()])]
    touched = touched.sort_values(["disaster_id", "available_at", "source", "event_id"], kind="stable")
    names = ["disaster_id", "available_at", "source", "event_id", "is_retracted", "row"]
    rows = touched[names].itertuples(index=False, name=None)
    states = []
    for disaster, versions in itertools.groupby(rows, key=lambda version: version[0]):
        newest: dict[tuple[str, str], dict[tuple[str, str], tuple[float, float]]] = {}
        before: dict[tuple[str, str], tuple[float, float]] = {}
        for moment, at_once in itertools.groupby(versions, key=lambda version: version[1]):
            for _, _, source, event, is_gone, row in at_once:
                newest[source, event] = {} if is_gone else of_row.get(row, {})
            now: dict[tuple[str, str], tuple[float, float]] = {}
            for told_hits in newest.values():
                for pair, (hit, strongest) in told_hits.items():
                    most = now.get(pair, (0.0, 0.0))
                    now[pair] = (max(hit, most[0]), max(strongest, most[1]))
            for pair in sorted({*before, *now}):
                hit = now.get(pair, (0.0, 0.0))
                if hit != before.get(pair, (0.0, 0.0)):
                    states.append((*pair, disaster, moment, *hit))
            before = now
    columns = [*PAIR, "event_id", "available_at", "hit", "strongest"]
    types = {"available_at": MOMENT, "hit": "float64", "strongest": "float64"}
    return pd.DataFrame(states, columns=columns).astype(types)


def _layers(states: pd.DataFrame, column: str) -> pd.DataFrame:
    # What each state adds to the ones before it, and when it was taken back: `amount` up to `level`, from
    # `available_at` until `withdrawn_at` (missing: for good). No two layers share an `event_id`.
    ordered = states.sort_values([*PAIR, "event_id", "available_at"], kind="stable")
    rows = ordered[[*PAIR, "event_id", "available_at", column]].itertuples(index=False, name=None)
    found = []
    for (mineral, supplier, event), group in itertools.groupby(rows, key=lambda row: row[:3]):
        for number, layer in enumerate(_stacked([(row[3], row[4]) for row in group])):
            found.append((mineral, supplier, f"{event} {supplier} {number}", *layer))
    columns = [*PAIR, "event_id", "available_at", "amount", "level", "withdrawn_at"]
    frame = pd.DataFrame(found, columns=columns).astype({"amount": "float64", "level": "float64"})
    for name in ("available_at", "withdrawn_at"):
        # Where none was withdrawn, pandas would not see a moment.
        frame[name] = pd.to_datetime(frame[name], utc=True).astype(MOMENT)
    return frame


def _stacked(states: Sequence[tuple[pd.Timestamp, float]]) -> Iterator[tuple]:
    # A rise lays a layer on top; a fall takes away from the top, which is what was known last.
    stack: list[tuple[float, float, pd.Timestamp]] = []
    for moment, level in states:
        while stack and stack[-1][1] > level:
            low, high, since = stack.pop()
            kept = max(low, level)
            yield since, high - kept, high, moment
            if kept > low:
                stack.append((low, kept, since))
        top = stack[-1][1] if stack else 0.0
        if level > top:
            stack.append((top, level, moment))
    for low, high, since in stack:
        yield since, high - low, high, pd.NaT


def _highest(spans: pd.DataFrame, name: str, *, none: float) -> pd.DataFrame:
    # The largest `value` of the spans that are on, from `available_at` until `until`, per pair; `none` where none is.
    forever = pd.Timestamp.max.value // 1000
    starts = spans["available_at"].astype("int64").to_numpy()
    untils = spans["until"].astype(MOMENT).astype("int64").where(spans["until"].notna(), forever).to_numpy()
    values = spans["value"].to_numpy()
    steps_found = []
    for pair, at in spans.groupby(PAIR, sort=True).indices.items():
        coming = sorted(zip(starts[at].tolist(), untils[at].tolist(), values[at].tolist(), strict=True))
        on: list[tuple[float, int]] = []
        place = 0
        for moment in sorted({edge for start, until, _ in coming for edge in (start, until)} - {forever}):
            while place < len(coming) and coming[place][0] <= moment:
                heapq.heappush(on, (-coming[place][2], coming[place][1]))
                place += 1
            while on and on[0][1] <= moment:
                heapq.heappop(on)
            steps_found.append((*pair, moment, -on[0][0] if on else none))
    frame = pd.DataFrame(steps_found, columns=[*PAIR, "available_at", name])
    return frame.astype({"available_at": "int64"}).astype({"available_at": MOMENT, name: "float64"})


def _after(none_yet: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    # Zero for every pair from when a region of it is known; what hits it comes later.
    values = [name for name in frame if name not in (*PAIR, "available_at")]
    both = pd.concat([none_yet.assign(**dict.fromkeys(values, 0.0)), frame.astype(dict.fromkeys(values, "float64"))])
    both = both.astype({"available_at": MOMENT}).drop_duplicates([*PAIR, "available_at"], keep="last")
    return both.sort_values([*PAIR, "available_at"], ignore_index=True)


def _places(regions: pd.DataFrame) -> pd.DataFrame:
    # How many places of each pair work: one more from the beginning of the year in which one began, one less from the
    # beginning of the year after its last.
    pairs = regions.rename(columns={"iso3": "supplier"})
    closed = pairs[pairs["until"].notna()]
    begun = pairs.assign(year=pairs["since"].fillna(ALWAYS.year), change=1.0)
    changed = pd.concat([begun, closed.assign(year=closed["until"] + 1, change=-1.0)])
    moments = pd.to_datetime(changed["year"].astype("int64").astype("str"), format="%Y", utc=True).astype(MOMENT)
    by_year = changed.assign(available_at=moments).groupby([*PAIR, "available_at"])["change"].sum()
    return by_year.groupby(level=PAIR).cumsum().rename("hazards_places").reset_index()


def _suppliers_located(places: pd.DataFrame) -> pd.DataFrame:
    # How many suppliers of each mineral have a place that works.
    is_located = places["hazards_places"].gt(0).astype("float64")
    change = is_located - is_located.groupby([places["mineral"], places["supplier"]]).shift(fill_value=0.0)
    by_year = places.assign(change=change).groupby(["mineral", "available_at"])["change"].sum()
    return by_year.groupby(level="mineral").cumsum().rename("hazards_mineral_suppliers").reset_index()


def _lists(hazards: pd.DataFrame) -> pd.DataFrame:
    # Without keys: the week of the newest disaster known, and that of the first report of any.
    told = hazards[["available_at", "happened_at"]].sort_values("available_at", kind="stable")
    newest = week_of(told.min(axis=1).astype(MOMENT)).cummax().astype("float64")
    frame = pd.DataFrame({"available_at": told["available_at"], "hazards_newest_week": newest})
    frame["hazards_first_week"] = week_from(told["available_at"]).astype("float64").min()
    # Only where it changes; of one moment, what is known after all of its rows.
    frame = frame.drop_duplicates("available_at", keep="last").drop_duplicates("hazards_newest_week")
    return frame.astype({"available_at": MOMENT}).reset_index(drop=True)


def combine(joined: pd.DataFrame) -> pd.DataFrame:
    """Leave out pairs without a place and what the lists don't cover; take the pair's own hits out of the mineral's."""
    week = week_of(joined["as_of"])
    age = week - joined["hazards_newest_week"]
    is_alive, watched = age <= ALIVE_WEEKS, week - joined["hazards_first_week"]
    covered = {weeks: is_alive & (watched >= weeks / 2) for weeks in WINDOWS_WEEKS}
    is_located = joined["hazards_places"] > 0
    columns = {
        f"hazards_hit_{weeks}w": joined[f"hazards_own_hit_{weeks}w"].where(is_located & covered[weeks])
        for weeks in WINDOWS_WEEKS
    }
    columns[f"hazards_worst_{WORST_WEEKS}w"] = joined["hazards_own_worst"].where(is_located & covered[WORST_WEEKS])
    columns["hazards_weeks_since"] = (week - joined["hazards_noticed_week"]).where(is_located & is_alive)
    name = f"hit_{ELSEWHERE_WEEKS}w"
    total, own = joined[f"hazards_mineral_{name}"].fillna(0.0), joined[f"hazards_own_{name}"].fillna(0.0)
    has_others = joined["hazards_mineral_suppliers"] > is_located
    elsewhere = (total - own).round(DIGITS).where(covered[ELSEWHERE_WEEKS] & has_others)
    columns[f"hazards_elsewhere_{ELSEWHERE_WEEKS}w"] = elsewhere
    columns["hazards_age_weeks"] = age
    # Sums that came back to nothing may stand as minus zero.
    return pd.DataFrame(columns, index=joined.index).astype("float64")[SIGNAL.columns] + 0.0


SIGNAL = Signal("hazards", ("hazards",), FEATURES, steps, combine)
