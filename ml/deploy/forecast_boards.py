"""The pages about forecasts: risk board, one pair, movers. Each panel is one query on the views `v1_…`.

A run counts until its `valid_until`. Past it these pages say *expired* and give no number as the current one; what was
said in past weeks stays, at its week.
"""

from __future__ import annotations

from ml.deploy.board_parts import (
    CHOSEN,
    EXPIRED,
    HORIZON,
    MINERALS,
    ONE_MINERAL,
    ONE_SUPPLIER,
    PAIRS,
    RUN_STATE,
    SUPPLIERS,
    TARGET,
)
from ml.deploy.panels import TIER_COLOURS, Dashboard, Panel, Sql

__all__ = ["BOARD", "MOVERS", "PAIR"]


def _count(tier: str) -> str:
    # NULL, not 0, when nothing counts any more.
    return f"CASE WHEN bool_or(NOT expired) THEN count(*) FILTER (WHERE tier = '{tier}' AND NOT expired) END AS {tier}"


BOARD = Dashboard(
    "oresight-board",
    "oresight: risk board",
    "How likely it is that a supplier's exports of a mineral fail, for every tracked pair, as of the current run.",
    (
        RUN_STATE,
        Panel(
            "Pairs by tier",
            "stat",
            Sql(
                "SELECT\n  "
                + ",\n  ".join(_count(tier) for tier in reversed(TIER_COLOURS))
                + f"\nFROM v1_current_forecasts\nWHERE {CHOSEN} AND {PAIRS}"
            ),
            width=16,
            height=4,
            says="Pairs of the chosen event and horizon. The tiers' limits are settings of oresight.",
            empty=EXPIRED,
        ),
        Panel(
            "Most likely",
            "bargauge",
            Sql(
                f"""SELECT mineral || ' · ' || supplier AS pair, probability
FROM v1_current_forecasts
WHERE {CHOSEN} AND {PAIRS} AND NOT expired AND NOT abstained
ORDER BY probability DESC, mineral, supplier
LIMIT 15"""
            ),
            width=10,
            height=14,
            unit="percentunit",
            decimals=0,
            steps="tiers",
            empty=EXPIRED,
        ),
        Panel(
            "Past weeks of the twelve most likely pairs",
            "timeseries",
            Sql(
                f"""WITH told AS (
  SELECT mineral, supplier FROM v1_current_forecasts
  WHERE {CHOSEN} AND {PAIRS} AND NOT abstained
  ORDER BY probability DESC, mineral, supplier
  LIMIT 12
)
SELECT as_of AS time, mineral || ' · ' || supplier AS metric, probability
FROM v1_forecasts JOIN told USING (mineral, supplier)
WHERE {CHOSEN} AND newest_of_week AND $__timeFilter(as_of)
ORDER BY as_of, metric""",
                is_series=True,
            ),
            width=14,
            height=14,
            unit="percentunit",
            decimals=0,
            steps="tiers",
            says="One step a week, as it was said in that week; nothing is corrected afterwards.",
        ),
        Panel(
            "All pairs",
            "table",
            Sql(
                f"""SELECT mineral, stage, supplier,
  CASE WHEN expired THEN 'expired' ELSE tier END AS tier,
  CASE WHEN NOT expired THEN probability END AS probability,
  CASE WHEN NOT expired THEN p_low END AS p_low,
  CASE WHEN NOT expired THEN p_high END AS p_high,
  base_rate,
  CASE WHEN NOT expired THEN change END AS change,
  alert AND NOT expired AS alert, onset, driver_1, driver_2, data_as_of, stale, reason
FROM v1_current_forecasts
WHERE {CHOSEN} AND {PAIRS}
ORDER BY probability DESC NULLS LAST, mineral, supplier"""
            ),
            height=18,
            says="Change is against the run of the week before, in percentage points.",
            empty="",
        ),
    ),
    (TARGET, HORIZON, MINERALS, SUPPLIERS),
)

PAIR = Dashboard(
    "oresight-pair",
    "oresight: one pair",
    "One supplier of one mineral: what was said each week, why, and what moved it.",
    (
        RUN_STATE,
        Panel(
            "Now",
            "table",
            Sql(
                """SELECT target, horizon, window_start, window_end,
  CASE WHEN expired THEN 'expired' ELSE tier END AS tier,
  CASE WHEN NOT expired THEN probability END AS probability,
  CASE WHEN NOT expired THEN p_low END AS p_low,
  CASE WHEN NOT expired THEN p_high END AS p_high,
  base_rate, driver_1, driver_2, driver_3, data_as_of, stale, reason
FROM v1_current_forecasts
WHERE mineral = ${mineral:sqlstring} AND supplier = ${supplier:sqlstring}
ORDER BY target, horizon"""
            ),
            width=16,
            height=7,
            empty="",
        ),
        Panel(
            "Probability, its interval, and the usual rate",
            "timeseries",
            Sql(
                f"""SELECT as_of AS time, probability, p_low, p_high, base_rate
FROM v1_forecasts
WHERE mineral = ${{mineral:sqlstring}} AND supplier = ${{supplier:sqlstring}} AND {CHOSEN}
  AND newest_of_week AND $__timeFilter(as_of)
ORDER BY as_of""",
                is_series=True,
            ),
            height=11,
            unit="percentunit",
            decimals=0,
            steps="tiers",
            says="As it was said in each week.",
        ),
        Panel(
            "What moved it",
            "barchart",
            Sql(
                f"""SELECT to_char(as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS week_of,
  change_data, change_revision, change_model
FROM v1_forecasts
WHERE mineral = ${{mineral:sqlstring}} AND supplier = ${{supplier:sqlstring}} AND {CHOSEN}
  AND newest_of_week AND change IS NOT NULL AND $__timeFilter(as_of)
ORDER BY as_of"""
            ),
            height=9,
            unit="percentunit",
            decimals=1,
            says="The change of each week: new data, revised data, another model. The three add up to the change.",
        ),
    ),
    (TARGET, HORIZON, ONE_MINERAL, ONE_SUPPLIER),
)

MOVERS = Dashboard(
    "oresight-movers",
    "oresight: movers",
    "What moved since the run of the week before, by how much, and by what.",
    (
        RUN_STATE,
        Panel(
            "Up and down by a point or more",
            "stat",
            Sql(
                f"""SELECT
  CASE WHEN bool_or(NOT expired) THEN count(*) FILTER (WHERE change >= 0.01) END AS up,
  CASE WHEN bool_or(NOT expired) THEN count(*) FILTER (WHERE change <= -0.01) END AS down
FROM v1_current_forecasts
WHERE {CHOSEN} AND {PAIRS}"""
            ),
            width=8,
            height=4,
            empty=EXPIRED,
        ),
        Panel(
            "Pairs with another tier than a week before",
            "stat",
            Sql(
                """SELECT CASE WHEN bool_or(NOT now.expired) THEN count(before.tier) END AS pairs
FROM v1_current_forecasts AS now
LEFT JOIN v1_forecasts AS before
  ON before.mineral = now.mineral AND before.supplier = now.supplier AND before.target = now.target
  AND before.horizon = now.horizon AND before.as_of = now.as_of - interval '7 days' AND before.newest_of_week
  AND before.tier <> now.tier
WHERE now.target = ${target:sqlstring} AND now.horizon = ${horizon:sqlstring}"""
            ),
            width=8,
            height=4,
            empty=EXPIRED,
        ),
        Panel(
            "The largest moves",
            "table",
            Sql(
                f"""SELECT mineral, stage, supplier, tier, probability_previous, probability, change,
  change_data, change_revision, change_model, driver_1, driver_2, data_as_of
FROM v1_movers
WHERE {CHOSEN} AND {PAIRS} AND NOT expired
ORDER BY place
LIMIT 50"""
            ),
            height=16,
            says="New data, revised data and another model add up to the change.",
            empty="expired, or nothing moved",
        ),
        Panel(
            "How much moved each week",
            "timeseries",
            Sql(
                f"""SELECT as_of AS time, avg(abs(change_data)) AS by_new_data,
  avg(abs(change_revision)) AS by_revisions, avg(abs(change_model)) AS by_the_model
FROM v1_forecasts
WHERE {CHOSEN} AND {PAIRS} AND newest_of_week AND change IS NOT NULL AND $__timeFilter(as_of)
GROUP BY as_of
ORDER BY as_of""",
                is_series=True,
            ),
            unit="percentunit",
            decimals=1,
            says="Mean of the absolute change over the pairs chosen.",
        ),
    ),
    (TARGET, HORIZON, MINERALS, SUPPLIERS),
)
