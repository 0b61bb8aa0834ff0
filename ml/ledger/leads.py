"""Which forecasts are scored, and what they are held against: one per window and fixed lead, with baselines.

A window has one outcome, and a pair is forecast for it every week: a hundred weekly rows would count one event a
hundred times, and the pairs that are tracked longest most. So each window is scored **once per fixed lead**: the
forecast of a kind issued for the Monday after the 15th of January, April, July or October, or for the Monday after
that one where the first is missing. The July lead is what models are trained and backtested at, and gives the
headline figures; the other leads only the figures by lead and by age of data.
"""

from __future__ import annotations

import pandas as pd

from ml.knowledge import TRAINING_SHARE_FRAC, Knowledge
from ml.origins import JULY, DayOfYear, training_dates
from models.baselines import Climatology, Persistence
from models.forecaster import LEARNED_FROM, labelled_rows
from models.targets import TARGETS, resolved_by

__all__ = ["BASELINES", "LEADS", "at_leads", "with_baselines"]

LEADS = {"January": DayOfYear(1, 15), "April": DayOfYear(4, 15), "July": JULY, "October": DayOfYear(10, 15)}
GRACE = pd.Timedelta(days=14)
# Pair history is the base rate that was published with each forecast.
BASELINES = ("pair_history", "climatology", "persistence")
PAIR_WEEK = ["mineral", "supplier", "as_of"]


def at_leads(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows that are scored, with `lead`: per kind, event, pair, year and lead the first one.

    Args:
        rows: kind, target, horizon, mineral, supplier, as_of; any number of weeks.
    """
    years = range(int(rows["as_of"].dt.year.min()) - 1, int(rows["as_of"].dt.year.max()) + 1) if len(rows) else ()
    begins = sorted((pd.Timestamp(day.monday(year)), name) for year in years for name, day in LEADS.items())
    moments = pd.Series([moment for moment, _ in begins], dtype="datetime64[us, UTC]")
    at = moments.searchsorted(rows["as_of"], side="right") - 1 if len(rows) else pd.Series(dtype="int64")
    led = rows.assign(
        lead=[begins[place][1] for place in at],
        lead_began=pd.Series([begins[place][0] for place in at], index=rows.index, dtype="datetime64[us, UTC]"),
    )
    # Later weeks would stand for another date: in February a year of trade becomes known, in January the window moves.
    is_at = led["lead_began"].dt.year.eq(led["as_of"].dt.year) & (led["as_of"] < led["lead_began"] + GRACE)
    led = led[is_at]
    key = ["kind", "target", "horizon", "mineral", "supplier", "lead_began"]
    first = led.sort_values("as_of", kind="stable").drop_duplicates(key)
    return first.drop(columns="lead_began").sort_index().reset_index(drop=True)


def with_baselines(rows: pd.DataFrame, knowledge: Knowledge) -> pd.DataFrame:
    """Add what climatology, pair history and persistence would have said at each row's date.

    They learn as the model does: from the training dates, pairs down to the training share, and outcomes that were
    resolved by the date. Where nothing was resolved yet they say nothing.

    Args:
        rows: as_of, target, window_end, mineral, supplier, onset, base_rate.
        knowledge: with the signal `trade`, of a date after the last row.
    """
    dates = sorted(moment.to_pydatetime() for moment in rows["as_of"].unique())
    panel = knowledge.panel(dates, min_share=TRAINING_SHARE_FRAC)[[*PAIR_WEEK, "trade_last_year", "trade_level_vs_3y"]]
    out = rows.merge(panel, on=PAIR_WEEK, how="left", validate="many_to_one").set_axis(rows.index)
    wanted = out["window_end"].dt.year - out["trade_last_year"]
    out = out.assign(
        data_lead=wanted.fillna(max(LEARNED_FROM)).clip(min(LEARNED_FROM), max(LEARNED_FROM)).astype("int64"),
        pair_history=out["base_rate"],
        climatology=float("nan"),
        persistence=float("nan"),
    )
    past = knowledge.panel(training_dates(max(dates)), min_share=TRAINING_SHARE_FRAC) if dates else panel
    learned = {
        (target, lead): labelled_rows(past, knowledge.labels, target, horizon)
        for target in TARGETS
        for lead, horizon in LEARNED_FROM.items()
    }
    for (as_of, target, lead), part in out.groupby(["as_of", "target", "data_lead"], sort=False):
        table = learned[target, lead]
        learn = table[resolved_by(table, as_of) & (table["as_of"] < as_of)]
        if learn.empty:
            continue
        for model in (Climatology(), Persistence()):
            out.loc[part.index, model.name] = model.fit(learn).predict(part)
    return out.drop(columns=["trade_last_year", "trade_level_vs_3y", "data_lead"])
