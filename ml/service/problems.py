"""Errors as RFC 9457 has them (`application/problem+json`): what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["KINDS", "MEDIA_TYPE", "PROBLEM_SCHEMA", "Problem", "install", "problem_bytes"]

MEDIA_TYPE = "application/problem+json"
# Kind: status and title. The type of a problem is `/problems/<kind>`, and the reference page explains each.
KINDS: dict[str, tuple[int, str]] = {
    "bad-query": (422, "The query can't be answered as it stands"),
    "bad-cursor": (400, "The cursor is not one of this listing"),
    "listing-changed": (410, "The listing changed since its first page"),
    "key-needed": (401, "A key is needed"),
    "key-refused": (401, "The key is not valid"),
    "scope-missing": (403, "The key does not allow this"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "not-acceptable": (406, "None of the formats asked for is offered"),
    "too-large": (413, "The request is too large"),
    "too-many-requests": (429, "The quota is used up"),
    "internal": (500, "The service failed"),
    "no-run": (503, "No run has been published yet"),
    "database-away": (503, "The database does not answer"),
    "too-slow": (503, "The query took too long"),
    "not-here": (404, "This service does not have that"),
}
BY_STATUS = {404: "not-found", 405: "method-not-allowed", 406: "not-acceptable", 413: "too-large", 503: "database-away"}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "An error as RFC 9457 has it; `remedy` says what to do.",
    "properties": {
        "type": {"type": "string", "examples": ["/problems/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "remedy": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"parameter": {"type": "string"}, "expected": {"type": "string"}},
                "required": ["parameter", "expected"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "remedy"],
}


class Problem(Exception):
    """What a reader is told instead of an answer."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        remedy: str,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.remedy = kind, detail, remedy
        self.headers, self.errors = dict(headers or {}), errors

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind][0]


def problem_bytes(problem: Problem, path: str) -> bytes:
    """Give the body of a problem met at `path`."""
    status, title = KINDS[problem.kind]
    body: dict[str, Any] = {
        "type": f"/problems/{problem.kind}",
        "title": title,
        "status": status,
        "detail": problem.detail,
        "instance": path,
        "remedy": problem.remedy,
    }
    if problem.errors:
        body["errors"] = problem.errors
    # A path may hold what no UTF-8 text can; what was asked is told as far as it can be.
    return orjson.dumps(_clean(body))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list) else value


def _answer(problem: Problem, request: Request) -> Response:
    headers = {"Cache-Control": "no-store", **problem.headers}
    body = problem_bytes(problem, request.url.path)
    return Response(body, problem.status, headers, media_type=MEDIA_TYPE)


async def _told(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return _answer(problem, request)


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    errors = [
        {
            "parameter": ".".join(str(part) for part in each["loc"][1:]) or str(each["loc"][0]),
            "expected": each["msg"].removeprefix("Value error, "),
        }
        for each in problem.errors()
    ]
    first = errors[0]
    detail = f"{first['parameter']}: {first['expected']}"
    remedy = "Correct the parameters named in `errors`; /docs lists what each endpoint takes."
    return _answer(Problem("bad-query", detail, remedy=remedy, errors=errors), request)


async def _http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    kind = BY_STATUS.get(problem.status_code)
    if kind is None:
        kind = "bad-query" if problem.status_code < 500 else "internal"
    details = {
        "not-found": ("there is nothing at this path", "See /docs for what there is."),
        "method-not-allowed": (f"{request.method} is not allowed here", "Data are read with GET or HEAD."),
    }
    detail, remedy = details.get(kind, (str(problem.detail), "See /docs."))
    return _answer(Problem(kind, detail, remedy=remedy, headers=problem.headers), request)


async def _failed(request: Request, problem: Exception) -> Response:
    # What failed is in the log of the service, never in the answer.
    del problem
    remedy = "Try again; if it stays, give the time and the address to who runs the service: its log says more."
    return _answer(Problem("internal", "an error of the service itself", remedy=remedy), request)


def install(app: FastAPI) -> None:
    """Let every error of `app` be told as a problem."""
    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
