"""What the pages about forecasts share: the choices above their panels, the panel about the run, parts of queries."""

from __future__ import annotations

from ml.deploy.panels import Panel, Sql, Variable

__all__ = [
    "CHOSEN",
    "EXPIRED",
    "HORIZON",
    "MINERALS",
    "ONE_MINERAL",
    "ONE_SUPPLIER",
    "PAIRS",
    "RUN_STATE",
    "SUPPLIERS",
    "TARGET",
]

NO_RUN = "no run is published"
EXPIRED = "expired, or none"
CHOSEN = "target = ${target:sqlstring} AND horizon = ${horizon:sqlstring}"
PAIRS = "mineral IN (${mineral:sqlstring}) AND supplier IN (${supplier:sqlstring})"

TARGET = Variable(
    "target", "Event", "SELECT DISTINCT target FROM v1_current_forecasts ORDER BY target", first="supply_drop"
)
HORIZON = Variable(
    "horizon", "Horizon", "SELECT DISTINCT horizon FROM v1_current_forecasts ORDER BY horizon", first="current_year"
)
MINERALS = Variable(
    "mineral", "Mineral", "SELECT DISTINCT mineral FROM v1_current_forecasts ORDER BY mineral", many=True
)
SUPPLIERS = Variable(
    "supplier", "Supplier", "SELECT DISTINCT supplier FROM v1_current_forecasts ORDER BY supplier", many=True
)
ONE_MINERAL = Variable("mineral", "Mineral", MINERALS.query, first="cobalt")
ONE_SUPPLIER = Variable(
    "supplier",
    "Supplier",
    "SELECT DISTINCT supplier FROM v1_current_forecasts WHERE mineral = ${mineral:sqlstring} ORDER BY supplier",
    first="COD",
)

RUN_STATE = Panel(
    "Current run",
    "stat",
    Sql(
        """SELECT CASE
    WHEN expired THEN 'expired since ' || to_char(valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
    ELSE week || ', valid until ' || to_char(valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
  END AS run
FROM v1_runs
WHERE is_current"""
    ),
    width=8,
    height=4,
    unit="string",
    says="The run that all other panels show, and until when it counts (UTC).",
    empty=NO_RUN,
)
