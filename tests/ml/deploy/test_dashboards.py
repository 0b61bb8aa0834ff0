"""Dashboards: as committed; every query on a real PostgreSQL as the role that Grafana has, every path on the service.

Past `valid_until` no number stands as the current one.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from starlette.testclient import TestClient

from ml.deploy import files
from ml.deploy.forecast_boards import BOARD
from ml.deploy.grafana import SOURCES, dashboard_json
from ml.deploy.panels import COLUMNS, Sql
from ml.prometheus_text import exposition
from ml.service.app import create_app
from ml.service.metrics import delivery_gauges
from ml.settings import Settings
from tests.ml.deploy.conftest import A_WEEK, Filled
from tests.ml.deploy.grafana_expanding import expand_sql, expand_url, left_over, variables_of
from tests.ml.deploy.reader_role import grant_reader, password_files, run_script

LIMITS = tuple(Settings.model_fields[f"tier_{tier}"].default for tier in ("guarded", "elevated", "severe"))
PAGES: dict[str, dict[str, Any]] = {page.uid: json.loads(dashboard_json(page, LIMITS)) for page in files.DASHBOARDS}
# What has no row in a quiet week; every other panel must show something.
MAY_BE_EMPTY = {"Warnings", "Runs held back", "Findings of this run, the gravest first", "Findings of each week"}
SINCE = dt.datetime(2004, 1, 1, tzinfo=dt.UTC)
UNTIL = dt.datetime(2011, 1, 1, tzinfo=dt.UTC)
Ask = Callable[[str], tuple[list[str], list[tuple[Any, ...]]]]


@pytest.fixture(scope="session")
def ask(filled: Filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Run a query as the role that the provisioned data source has."""
    with psycopg.connect(grant_reader(filled.url, tmp_path_factory.mktemp("passwords")), autocommit=True) as connection:

        def run(query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
            cursor = connection.execute(query)  # type: ignore[arg-type]
            return [column.name for column in cursor.description or ()], cursor.fetchall()

        yield run


def _first_column(ask: Ask) -> Callable[[str], list[str]]:
    return lambda query: [row[0] for row in ask(query)[1]]


def run_panels(page: dict[str, Any], ask: Ask, chosen: dict[str, Any]) -> dict[str, tuple[list[str], list[Any]]]:
    """Run each SQL panel of a page as Grafana would; give columns and rows by title.

    Raises:
        AssertionError: a query is refused, or its columns are not what its panel draws; the panel is named.
    """
    found = {}
    for panel in page["panels"]:
        target = panel["targets"][0]
        if "rawSql" not in target:
            continue
        where = f"{page['uid']}, {panel['title']}"
        query = expand_sql(target["rawSql"], chosen, SINCE, UNTIL)
        assert not left_over(query), f"{where}: {left_over(query)}"
        try:
            names, rows = ask(query)
        except psycopg.Error as problem:
            raise AssertionError(f"{where}: {problem}") from None
        if target["format"] == "time_series":
            assert names[0] == "time", where
            assert all(isinstance(row[0], dt.datetime) and row[0].tzinfo for row in rows), where
            numbers = [name for name in names[1:] if name != "metric"]
            assert numbers, where
        found[panel["title"]] = (names, rows)
    return found


def test_the_committed_dashboards_are_those_that_the_panels_give() -> None:
    made = files.dashboards(LIMITS)
    stored = {
        path.relative_to(files.HERE).as_posix(): path.read_bytes()
        for path in (files.HERE / "grafana/dashboards").iterdir()
    }
    assert stored == made, "run python -m ml.deploy.files"


def test_every_dashboard_is_one_that_grafana_can_lay_out() -> None:
    assert len({page["title"] for page in PAGES.values()}) == len(PAGES) == len(files.DASHBOARDS)
    for uid, page in PAGES.items():
        assert len(uid) <= 40
        assert page["timezone"] == "utc"
        taken: set[tuple[int, int]] = set()
        for panel in page["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24, panel["title"]
            assert not cells & taken, f"{uid}: {panel['title']} lies over another panel"
            taken |= cells
        variables = {each["name"]: each for each in page["templating"]["list"]}
        for panel in page["panels"]:
            source = panel["datasource"]
            assert variables[source["uid"].strip("${}")]["query"] == source["type"]
            assert panel["targets"][0]["datasource"] == source


def test_colours_begin_at_the_tier_limits_in_force() -> None:
    def steps(node: Any) -> list[list[float | None]]:
        if isinstance(node, dict):
            own = [[step["value"] for step in node["steps"]]] if "steps" in node else []
            return own + [each for value in node.values() for each in steps(value)]
        return [each for value in node for each in steps(value)] if isinstance(node, list) else []

    assert [None, 0.15, 0.3, 0.5] in steps(PAGES["oresight-board"])
    other = steps(json.loads(dashboard_json(BOARD, (0.2, 0.4, 0.6))))
    assert [None, 0.2, 0.4, 0.6] in other
    assert [None, 0.15, 0.3, 0.5] not in other


@pytest.mark.parametrize("uid", [uid for uid in PAGES if uid not in ("oresight-api", "oresight-service")])
def test_every_query_of_a_dashboard_runs_as_the_reader_and_shows_something(uid: str, ask: Ask, filled: Filled) -> None:
    filled.expire(is_expired=False)
    chosen = variables_of(PAGES[uid], _first_column(ask))
    if uid == "oresight-pair":
        row = filled.rows[filled.rows["probability"].notna()].iloc[0]
        chosen |= {"mineral": row["mineral"], "supplier": row["supplier"]}
    found = run_panels(PAGES[uid], ask, chosen)
    assert found
    for title, (names, rows) in found.items():
        assert rows or title in MAY_BE_EMPTY, f"{uid}, {title}: no row"
        assert len(set(names)) == len(names), f"{uid}, {title}: two columns of one name"


def test_a_column_that_is_none_is_named_with_its_panel(ask: Ask) -> None:
    first, *others = BOARD.panels
    broken = replace(BOARD, panels=(replace(first, query=Sql("SELECT probabilty FROM v1_current_forecasts")), *others))
    page = json.loads(dashboard_json(broken, LIMITS))
    with pytest.raises(AssertionError, match='oresight-board, Current run: column "probabilty" does not exist'):
        run_panels(page, ask, variables_of(page, _first_column(ask)))


def test_the_reader_sees_views_only(ask: Ask) -> None:
    for table in ("api_keys", "forecasts", "deliveries"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(f"SELECT * FROM {table}")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        ask("CREATE TABLE mine (a int)")


def test_roles_are_not_made_without_passwords(filled: Filled, tmp_path: Path) -> None:
    given = password_files(tmp_path)
    (tmp_path / "reader").write_text("")
    done = run_script("roles.sql", filled.url, **given)
    assert done.returncode != 0
    assert "division by zero" in done.stderr


def test_the_board_shows_the_rows_of_the_run(ask: Ask, filled: Filled) -> None:
    filled.expire(is_expired=False)
    chosen = variables_of(PAGES["oresight-board"], _first_column(ask))
    found = run_panels(PAGES["oresight-board"], ask, chosen)
    rows = filled.rows.query("target == 'supply_drop' and horizon == 'current_year'")
    names, counted = found["Pairs by tier"]
    assert dict(zip(names, counted[0], strict=True)) == {
        tier: int(rows["tier"].eq(tier).sum()) for tier in ("severe", "elevated", "guarded", "low")
    }
    top = rows.sort_values(["probability", "mineral", "supplier"], ascending=[False, True, True]).iloc[0]
    assert found["Most likely"][1][0] == (f"{top['mineral']} · {top['supplier']}", top["probability"])
    assert len(found["All pairs"][1]) == len(rows)


def test_each_state_of_a_source_is_counted_apart_and_grows_older(ask: Ask, filled: Filled) -> None:
    page = PAGES["oresight-freshness"]
    found = run_panels(page, ask, variables_of(page, _first_column(ask)))
    assert found["Sources by state"] == (["fine", "stale", "failed", "never_read"], [(1, 1, 1, 1)])
    names, rows = found["Clocks when the current run was made"]
    states = [row[names.index("state")] for row in rows]
    assert states == ["failed", "stale", "fine", "empty"]
    ages = {row[names.index("source")]: row[names.index("age_days")] for row in rows}
    # Counted until now, which is years after this run.
    assert ages["baci"] - ages["comtrade"] == 522 - 30
    assert ages["comtrade"] > 5000
    assert ages["gdelt"] is None


def test_every_series_that_a_rule_or_a_panel_names_is_one_that_is_given(filled: Filled) -> None:
    now = filled.week() + dt.timedelta(days=2)
    with TestClient(create_app(filled.settings, clock=lambda: now, is_watching=False)) as client:
        client.get("/v1/sources")
        given = client.get("/metrics").text
    given += "\n".join(exposition(delivery_gauges([("email", "dead", 1)])))
    families = set(re.findall(r"^(\w+)(?:\{| )", given, re.MULTILINE))
    rules = yaml.safe_load((files.HERE / "prometheus/rules.yml").read_text())["groups"][0]["rules"]
    asked = [rule["expr"] for rule in rules]
    asked += [panel["targets"][0]["expr"] for panel in PAGES["oresight-service"]["panels"]]
    named = {name for expression in asked for name in re.findall(r"\boresight_\w+", expression)}
    assert len(named) > 10
    assert named - families == set()


def test_a_choice_narrows_the_board_and_cannot_break_the_query(ask: Ask, filled: Filled) -> None:
    filled.expire(is_expired=False)
    page, mineral = PAGES["oresight-board"], filled.rows["mineral"].iloc[0]
    chosen = variables_of(page, _first_column(ask)) | {"mineral": [mineral]}
    names, rows = run_panels(page, ask, chosen)["All pairs"]
    assert {row[names.index("mineral")] for row in rows} == {mineral}
    chosen |= {"mineral": ["x') OR ('1' = '1"]}
    assert run_panels(page, ask, chosen)["All pairs"][1] == []


def test_what_moved_is_what_the_next_week_changed(ask: Ask, filled: Filled) -> None:
    filled.expire(is_expired=False)
    page = PAGES["oresight-movers"]
    found = run_panels(page, ask, variables_of(page, _first_column(ask)))
    rows = filled.rows.query("target == 'supply_drop' and horizon == 'current_year' and change > 0")
    names, moved = found["The largest moves"]
    assert len(moved) == min(50, len(rows)) > 0
    change, parts = names.index("change"), [names.index(f"change_{part}") for part in ("data", "revision", "model")]
    assert all(row[change] == pytest.approx(sum(row[part] for part in parts)) for row in moved)
    assert found["Up and down by a point or more"][1] == [(int((rows["change"] >= 0.01).sum()), 0)]


def test_an_expired_run_says_so_and_leaves_no_number_as_the_current_one(ask: Ask, filled: Filled) -> None:
    filled.expire(is_expired=True)
    try:
        board, movers, alerts, pair = (
            run_panels(PAGES[uid], ask, variables_of(PAGES[uid], _first_column(ask)))
            for uid in ("oresight-board", "oresight-movers", "oresight-alerts", "oresight-pair")
        )
    finally:
        filled.expire(is_expired=False)
    assert board["Current run"][1][0][0].startswith("expired since ")
    mapped = PAGES["oresight-board"]["panels"][0]["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert re.match(mapped["pattern"], board["Current run"][1][0][0]), "it is shown as an alarm"
    assert board["Pairs by tier"][1] == [(None,) * 4]
    assert board["Most likely"][1] == movers["The largest moves"][1] == alerts["Alerts of the current run"][1] == []
    assert movers["Up and down by a point or more"][1] == [(None, None)]
    assert movers["Pairs with another tier than a week before"][1] == [(None,)]
    assert alerts["Alerts in the current run"][1] == [(None,)]
    for names, rows in (board["All pairs"], pair["Now"]):
        shown = {name: {row[names.index(name)] for row in rows} for name in names}
        assert shown["tier"] <= {"expired"}
        assert shown["probability"] | shown["p_low"] | shown["p_high"] <= {None}
    # What was said in past weeks stays, at its week.
    assert board["Past weeks of the twelve most likely pairs"][1]


@pytest.mark.parametrize("days_later", [2, 9], ids=["in its week", "past it"])
def test_every_path_of_the_api_dashboard_answers_flat_rows(days_later: int, filled: Filled) -> None:
    page = PAGES["oresight-api"]
    now = filled.week() + dt.timedelta(days=days_later)
    monday = filled.week() + (days_later // 7) * A_WEEK
    chosen = variables_of(page, lambda query: [])
    row = filled.rows.iloc[0]
    chosen |= {"mineral": row["mineral"], "supplier": row["supplier"]}
    of_this_week = 0
    with TestClient(create_app(filled.settings, clock=lambda: now, is_watching=False)) as client:
        for panel in page["panels"]:
            target, title = panel["targets"][0], panel["title"]
            assert target["parser"] == "backend"
            asked = {
                each["key"]: expand_url(each["value"], chosen, monday, now) for each in target["url_options"]["params"]
            }
            path = expand_url(target["url"], chosen, monday, now)
            assert not left_over(f"{path}{asked}"), title
            answer = client.get(path, params=asked)
            assert answer.status_code == 200, f"{title}: {answer.text}"
            rows = answer.json()
            assert isinstance(rows, list), title
            if "from" in asked:
                of_this_week += 1
                assert bool(rows) is (days_later < 7) or title.startswith("Alerts"), title
                assert days_later < 7 or rows == [], title
            else:
                assert rows, title
            for each in rows:
                # In the contract's order, whatever is asked first.
                assert set(each) == set(asked["fields"].split(",")), title
                _check_types(each, target["columns"], title)
    assert of_this_week == 4


def _check_types(row: dict[str, Any], columns: list[dict[str, str]], title: str) -> None:
    assert {column["selector"] for column in columns} == set(row), title
    for column in columns:
        value = row[column["selector"]]
        if value is None:
            continue
        where = f"{title}, {column['selector']}: {value!r}"
        if column["type"] == "timestamp":
            assert value.endswith("Z"), where
            assert dt.datetime.fromisoformat(value).tzinfo, where
        else:
            kind = {"number": (int, float), "string": str, "boolean": bool}[column["type"]]
            assert isinstance(value, kind), where


def test_provisioned_sources_are_those_that_the_dashboards_ask_for(repo_root: Path) -> None:
    stored = yaml.safe_load((files.HERE / "grafana/provisioning/datasources/oresight.yaml").read_text())
    named = {(each["type"], each["uid"], each["name"]) for each in stored["datasources"]}
    assert named == {(plugin, uid, name) for _variable, plugin, uid, name in SOURCES.values()}


def test_a_row_leads_to_the_page_of_its_pair() -> None:
    links = set(re.findall(r'"url": "(/d/[^"]+)"', json.dumps(PAGES["oresight-board"])))
    assert len(links) == 1
    page, _, asked = links.pop().partition("?")
    assert page.removeprefix("/d/") in PAGES
    variables = {each["name"] for each in PAGES["oresight-pair"]["templating"]["list"]}
    for part in asked.split("&"):
        name, _, value = part.partition("=")
        assert name.removeprefix("var-") in variables
        assert value == f"${{__data.fields.{name.removeprefix('var-')}}}"


def test_every_column_that_has_a_look_is_shown_somewhere() -> None:
    text = json.dumps(PAGES)
    assert [name for name in COLUMNS if f'"options": "{name}"' not in text] == []
