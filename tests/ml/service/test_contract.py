"""The rows' contract: a column that is renamed, moved or retyped fails here, in every format and in the document."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

# Written out on purpose: who changes a column must change this too, and with it the version in the path.
TEXT, TIME, NUMBER, TRUTH = "string", "timestamp[us, tz=UTC]", "double", "bool"
FORECAST_ROW = [
    ("run_id", TEXT),
    ("as_of", TIME),
    ("target", TEXT),
    ("horizon", TEXT),
    ("window_start", TIME),
    ("window_end", TIME),
    ("mineral", TEXT),
    ("stage", TEXT),
    ("supplier", TEXT),
    ("probability", NUMBER),
    ("p_low", NUMBER),
    ("p_high", NUMBER),
    ("base_rate", NUMBER),
    ("tier", TEXT),
    ("alert", TRUTH),
    ("onset", TRUTH),
    ("probability_previous", NUMBER),
    ("change", NUMBER),
    ("change_data", NUMBER),
    ("change_revision", NUMBER),
    ("change_model", NUMBER),
    ("driver_1", TEXT),
    ("driver_2", TEXT),
    ("driver_3", TEXT),
    ("data_as_of", TIME),
    ("stale", TRUTH),
    ("abstained", TRUTH),
    ("reason", TEXT),
    ("model_name", TEXT),
    ("model_version", TEXT),
    ("data_digest", TEXT),
]
NAMES = [name for name, _ in FORECAST_ROW]
EXPLANATION_NAMES = ["run_id", "target", "horizon", "mineral", "supplier", "signal", "feature", "value", "contribution"]
HISTORY_NAMES = ["as_of", "run_id", "target", "horizon", "window_start", "window_end", "mineral", "supplier"]
HISTORY_NAMES += ["probability", "p_low", "p_high", "base_rate", "tier", "alert", "onset", "stale", "abstained"]
HISTORY_NAMES += ["model_version"]
# A listing with rows, one without any, one pair, and those of the same row.
FULL, EMPTY = "/v1/forecasts?limit=3", "/v1/forecasts?from=1999-01-01&to=1999-12-31"
SAME_ROW = [FULL, EMPTY, "/v1/alerts?min_probability=1", "/v1/changes?min_change=1", "/v1/forecasts?tier=severe"]


def with_format(path: str, name: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}format={name}"


@pytest.mark.parametrize("path", SAME_ROW)
def test_parquet_and_arrow_have_the_columns_in_order_with_their_types(client: TestClient, path: str) -> None:
    parquet = pq.read_schema(io.BytesIO(client.get(with_format(path, "parquet")).content))
    arrow = pa.ipc.open_stream(client.get(with_format(path, "arrow")).content).schema
    for schema in (parquet, arrow):
        assert [(field.name, str(field.type)) for field in schema] == FORECAST_ROW


@pytest.mark.parametrize("path", SAME_ROW)
def test_csv_has_the_columns_in_order_also_without_rows(client: TestClient, path: str) -> None:
    assert next(csv.reader(io.StringIO(client.get(with_format(path, "csv")).text))) == NAMES


def test_json_has_the_columns_in_order_and_the_envelope_names_them_without_rows(client: TestClient) -> None:
    rows = client.get(FULL).json()
    assert [list(row) for row in rows] == [NAMES] * 3
    empty = client.get(f"{EMPTY}&envelope=true").json()
    assert empty["data"] == []
    assert [column["name"] for column in empty["columns"]] == NAMES
    assert client.get(EMPTY).json() == []


def test_values_have_their_json_types(client: TestClient) -> None:
    row = client.get("/v1/forecasts?abstained=false&limit=1").json()[0]
    for name, kind in FORECAST_ROW:
        if row[name] is not None:
            expected = {TEXT: str, TIME: str, NUMBER: float, TRUTH: bool}[kind]
            assert isinstance(row[name], expected), name
        if kind == TIME:
            assert len(row[name]) == len("2010-06-07T00:00:00Z"), name
            assert row[name].endswith("T00:00:00Z"), name


def test_the_document_lists_the_columns_in_order(client: TestClient) -> None:
    document = json.loads(client.get("/openapi.json").content)
    assert list(document["components"]["schemas"]["ForecastRow"]["properties"]) == NAMES
    assert list(document["components"]["schemas"]["ExplanationRow"]["properties"]) == EXPLANATION_NAMES
    assert list(document["components"]["schemas"]["HistoryRow"]["properties"]) == HISTORY_NAMES


def test_fields_keep_the_order_of_the_contract(client: TestClient) -> None:
    text = client.get("/v1/forecasts?fields=probability,mineral,as_of&format=csv&limit=1").text
    assert text.splitlines()[0] == "as_of,mineral,probability"


def test_explanations_and_history_have_their_columns(client: TestClient) -> None:
    pair = client.get("/v1/forecasts?limit=1").json()[0]
    where = f"mineral={pair['mineral']}&supplier={pair['supplier']}"
    assert list(client.get(f"/v1/explanations?{where}&limit=1").json()[0]) == EXPLANATION_NAMES
    assert list(client.get(f"/v1/forecasts/{pair['mineral']}/{pair['supplier']}/history").json()[0]) == HISTORY_NAMES
