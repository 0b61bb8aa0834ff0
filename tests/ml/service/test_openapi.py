"""The OpenAPI document against the service: generated requests never make it fail, and answers are as it says."""

from __future__ import annotations

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_no_request_makes_the_service_fail(app: FastAPI) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) == 14
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=4,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case) -> None:
                case.call_and_validate(checks=CHECKS)

            ask()


def test_the_document_is_openapi_3_1_and_every_path_is_versioned_or_for_machines(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert all(path.startswith("/v1/") for path in document["paths"])
    needed = "runs forecasts changes alerts explanations track-record sources codebook minerals suppliers measures"
    assert {f"/v1/{name}" for name in needed.split()} <= set(document["paths"])
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), (path, parameter["name"])


@pytest.mark.parametrize(
    "path",
    [
        "/v1/runs/..%2F..%2Fetc%2Fpasswd",
        "/v1/runs/../../etc/passwd",
        "/v1/forecasts?run=../../secret",
        "/v1/forecasts/cobalt/C%00D",
        "/v1/forecasts?mineral=%27%3B%20DROP%20TABLE%20runs",
        "/v1/explanations?feature=%00",
        "/v1/forecasts/%ff%fe/COD",
    ],
)
def test_what_is_no_name_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/runs/current").status_code == 200


def test_large_requests_and_other_methods_are_refused(client: TestClient) -> None:
    assert client.get("/v1/forecasts?sort=" + "x" * 9_000).status_code == 413
    assert client.request("GET", "/v1/forecasts", content=b"x" * 70_000).status_code == 413
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, "/v1/forecasts")
        assert answer.status_code in (401, 405)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_failure_of_the_service_tells_nothing_of_itself(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.service.routers import movements

    def fail(_request: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(movements, "service_of", fail)
    answer = TestClient(app, raise_server_exceptions=False).get("/v1/alerts")
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
