"""Rows of a real week: filters, fields, order and pages against the same done in pandas, and every format read back."""

from __future__ import annotations

import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from ml.runs import Run

KEY = ["target", "horizon", "mineral", "supplier"]


def pages(client: TestClient, path: str) -> list[dict[str, object]]:
    """Follow `Link` to the end."""
    rows, answer = [], client.get(path)
    for _ in range(100):
        assert answer.status_code == 200, answer.text
        rows += answer.json()
        if "link" not in answer.headers:
            return rows
        answer = client.get(answer.links["next"]["url"])
    raise AssertionError("the pages have no end")


def expected(
    rows: pd.DataFrame, order: list[str] | None = None, falls: list[bool] | None = None
) -> list[tuple[str, ...]]:
    rows = rows.sort_values(KEY)
    if order:
        rows = rows.sort_values(order, ascending=[not each for each in falls or []], kind="stable", na_position="last")
    return list(rows[KEY].itertuples(index=False, name=None))


def keys(rows: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in KEY) for row in rows]


def test_all_pages_together_are_the_run(client: TestClient, later: pd.DataFrame) -> None:
    rows = pages(client, "/v1/forecasts?limit=97")
    assert keys(rows) == expected(later)
    by_key = later.set_index(KEY)
    for row in rows[::50]:
        truth = by_key.loc[tuple(row[name] for name in KEY)]
        for name in ("probability", "p_low", "p_high", "base_rate"):
            # To the last bit; a probability that is missing is null.
            assert row[name] == (None if pd.isna(truth[name]) else truth[name]), name
        assert row["driver_1"] == (None if pd.isna(truth["driver_1"]) else truth["driver_1"])
        assert row["as_of"] == "2010-06-07T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("mineral=cobalt&mineral=tin", lambda rows: rows["mineral"].isin(["cobalt", "tin"])),
        ("supplier=chn", lambda rows: rows["supplier"].eq("CHN")),
        ("target=supply_drop&horizon=next_year", lambda r: (r["target"] + r["horizon"]).eq("supply_dropnext_year")),
        ("tier=severe&tier=elevated", lambda rows: rows["tier"].isin(["severe", "elevated"])),
        ("alert=true", lambda rows: rows["alert"]),
        ("onset=false", lambda rows: ~rows["onset"]),
        ("stale=true", lambda rows: rows["stale"]),
        ("abstained=true", lambda rows: rows["abstained"]),
        ("min_probability=0.3", lambda rows: rows["probability"].ge(0.3)),
    ],
)
def test_filters(client: TestClient, later: pd.DataFrame, query: str, fits) -> None:
    assert keys(pages(client, f"/v1/forecasts?{query}&limit=1000")) == expected(later[fits(later)])


@pytest.mark.parametrize(
    ("sort", "order", "falls"),
    [
        ("-probability,mineral", ["probability", "mineral"], [True, False]),
        ("probability", ["probability"], [False]),
        ("-tier,supplier", ["tier", "supplier"], [True, False]),
        ("-window_start,-abstained,-stage", ["window_start", "abstained", "stage"], [True, True, True]),
    ],
)
def test_order_with_missing_values_last(
    client: TestClient, later: pd.DataFrame, sort: str, order: list[str], falls: list[bool]
) -> None:
    assert keys(pages(client, f"/v1/forecasts?sort={sort}&limit=301")) == expected(later, order, falls)


def test_two_runs_are_one_listing_the_oldest_first(client: TestClient, runs: list[Run]) -> None:
    # The current run is in memory, the other one comes from the database: one listing over both, in any page size.
    truth = [(run.run_id, *key) for run in runs for key in expected(run.forecasts())]
    rows = pages(client, "/v1/forecasts?from=2005-01-01&to=2010-12-31&limit=173")
    assert [(row["run_id"], *key) for row, key in zip(rows, keys(rows), strict=True)] == truth
    newest_first = pages(client, "/v1/forecasts?from=2005-01-01&sort=-as_of&limit=1000")
    assert [row["run_id"] for row in newest_first] == sorted((each[0] for each in truth), reverse=True)


def test_sql_and_memory_filter_and_sort_alike(client: TestClient, later: pd.DataFrame) -> None:
    query = "min_probability=0.2&onset=true&sort=-p_high,supplier&limit=1000"
    in_memory = pages(client, f"/v1/forecasts?{query}")
    from_sql = [row for row in pages(client, f"/v1/forecasts?from=2005-01-01&{query}") if row["as_of"][:4] == "2010"]
    assert in_memory == from_sql
    assert len(in_memory) > 10


def test_a_pair_has_its_rows_and_its_history(client: TestClient, runs: list[Run], later: pd.DataFrame) -> None:
    rows = client.get("/v1/forecasts/cobalt/COD").json()
    pair = later[later["mineral"].eq("cobalt") & later["supplier"].eq("COD")]
    assert keys(rows) == expected(pair)
    history = client.get("/v1/forecasts/cobalt/cod/history").json()
    assert [row["run_id"] for row in history] == [run.run_id for run in runs for _ in range(4)]
    only = client.get("/v1/forecasts/cobalt/COD/history?target=supply_drop&horizon=current_year&from=2010-01-01").json()
    assert [row["as_of"] for row in only] == ["2010-06-07T00:00:00Z"]


def test_who_is_not_tracked_is_told_who_is(client: TestClient) -> None:
    problem = client.get("/v1/forecasts/cobalt/CHE")
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert "COD" in problem.json()["remedy"]
    assert client.get("/v1/forecasts/cobalt/CHE/history").status_code == 404


def test_every_format_says_the_same(client: TestClient, later: pd.DataFrame) -> None:
    path = "/v1/forecasts?mineral=cobalt&limit=1000"
    parquet = pq.read_table(io.BytesIO(client.get(f"{path}&format=parquet").content))
    arrow = pa.ipc.open_stream(
        client.get(path, headers={"Accept": "application/vnd.apache.arrow.stream"}).content
    ).read_all()
    assert parquet.equals(arrow)
    rows = client.get(path).json()
    lines = client.get(f"{path}&format=ndjson").text.splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert parquet.column("probability").to_pylist() == [row["probability"] for row in rows]
    table = pd.read_csv(io.StringIO(client.get(f"{path}&format=csv").text), keep_default_na=False)
    assert table["driver_1"].tolist() == [row["driver_1"] or "" for row in rows]
    assert table["as_of"].unique().tolist() == ["2010-06-07T00:00:00Z"]
    assert table["alert"].astype(str).str.lower().tolist() == [str(row["alert"]).lower() for row in rows]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/json;q=0.1, application/x-ndjson", "application/x-ndjson"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
    ],
)
def test_the_header_accept_chooses(client: TestClient, accept: str, kind: str) -> None:
    assert client.get("/v1/alerts", headers={"Accept": accept}).headers["content-type"] == kind


def test_what_is_not_offered_is_refused(client: TestClient) -> None:
    answer = client.get("/v1/alerts", headers={"Accept": "application/xml"})
    assert answer.status_code == 406
    assert "text/csv" in answer.json()["remedy"]


def test_changes_are_sorted_by_size_and_alerts_by_probability(client: TestClient, later: pd.DataFrame) -> None:
    assert client.get("/v1/changes").json() == []  # nothing was said in the week before this one
    alerts = client.get("/v1/alerts?limit=1000").json()
    assert [row["probability"] for row in alerts] == sorted((row["probability"] for row in alerts), reverse=True)
    assert len(alerts) == int(later["alert"].sum())


def test_explanations_sum_to_the_same_from_memory_and_from_the_database(
    client: TestClient, app, runs: list[Run]
) -> None:
    from ml.service.tables import explanation_listing

    path = "/v1/explanations?mineral=cobalt&supplier=COD&target=supply_drop&limit=70"
    from_sql = pages(client, path)
    live = app.state.service.live
    live.kept("explanations", live.snapshot.run_id, lambda: explanation_listing(live.reader, live.snapshot))
    assert pages(client, path) == from_sql
    truth = runs[1].explanations()
    truth = truth[truth["mineral"].eq("cobalt") & truth["supplier"].eq("COD") & truth["target"].eq("supply_drop")]
    assert sum(row["contribution"] for row in from_sql) == pytest.approx(truth["contribution"].sum(), abs=1e-9)
    # The publisher leaves out what contributed nothing.
    assert len(from_sql) == int(truth["contribution"].ne(0).sum())
    largest = pages(client, "/v1/explanations?min_contribution=0.5&sort=-contribution&limit=1000")
    assert min(abs(row["contribution"]) for row in largest) >= 0.5
    assert len(largest) == int(runs[1].explanations()["contribution"].abs().ge(0.5).sum())


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sort=probabilty", "no column is called 'probabilty'"),
        ("sort=mineral,-mineral", "twice"),
        ("fields=,", "no column is named"),
        ("minerl=cobalt", "minerl"),
        ("mineral=unobtainium", "unobtainium"),
        ("supplier=XXX", "XXX"),
        ("limit=1001", "limit"),
        ("min_probability=nan", "min_probability"),
        ("from=2026-13-01", "from"),
        ("run=current&from=2020-01-01", "run or as_of"),
        ("envelope=true&format=csv", "envelope"),
        ("from=0001-01-01T00:00:00%2B23:59", "from"),
    ],
)
def test_a_wrong_query_is_told_what_is_wrong(client: TestClient, query: str, words: str) -> None:
    answer = client.get(f"/v1/forecasts?{query}")
    problem = answer.json()
    assert answer.status_code == problem["status"] == 422
    assert set(problem) >= {"type", "title", "status", "detail", "instance", "remedy"}
    assert words in problem["detail"]


def test_other_resources_of_a_real_week(client: TestClient, later: pd.DataFrame) -> None:
    suppliers = client.get("/v1/suppliers?limit=1000").json()
    assert {row["supplier"] for row in suppliers} == set(later["supplier"])
    minerals = {row["mineral"]: row for row in client.get("/v1/minerals?limit=1000").json()}
    assert minerals["cobalt"]["name_zh_tw"] == "鈷"
    sources = client.get("/v1/sources").json()
    assert {row["source"] for row in sources} >= {"baci"}
    baci = next(row for row in sources if row["source"] == "baci")
    assert baci["licence"]
    codebook = client.get("/v1/codebook?kind=column&limit=1000").json()
    assert {row["name"] for row in codebook} == set(later.columns)
    measures = client.get("/v1/measures?limit=1000").json()
    assert measures
    assert max(row["available_at"] for row in measures) <= "2010-06-07T00:00:00Z"
    assert client.get("/v1/track-record").json() == []
    assert client.get("/v1/runs/current").json()["week"] == "2010-W23"
    assert [row["week"] for row in client.get("/v1/runs").json()] == ["2010-W23", "2005-W01"]
