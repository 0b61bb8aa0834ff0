"""The OpenAPI 3.1 document: what each endpoint answers, beside the parameters that FastAPI reads from the code."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ml.service.formats import FORMATS
from ml.service.problems import PROBLEM_SCHEMA
from ml.service.shapes import SHAPES, Shape

__all__ = ["document", "problem_responses", "table_responses"]


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give the problems that an endpoint may answer with."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    words = {
        400: "The cursor is not one of this listing.",
        401: "A key is needed, or the one given is not valid.",
        403: "The key lacks the scope.",
        404: "There is no such thing.",
        406: "No format that is accepted is offered.",
        410: "The listing changed since its first page.",
        413: "The request is too large.",
        422: "A parameter is not what it may be.",
        429: "The quota is used up.",
        503: "No run yet, or the database is away.",
    }
    return {status: {"description": words[status], "content": content} for status in statuses}


def table_responses(shape: Shape, *more: int, is_single: bool = False) -> dict[int | str, dict[str, Any]]:
    """Give the answers of an endpoint with rows of a shape."""
    row = {"$ref": f"#/components/schemas/{shape.name}"}
    rows = {"type": "array", "items": row}
    envelope = {"allOf": [{"$ref": "#/components/schemas/Envelope"}, {"properties": {"data": rows}}]}
    content: dict[str, Any] = {
        FORMATS["json"].media_type: {"schema": row if is_single else {"anyOf": [rows, envelope]}}
    }
    for name, form in FORMATS.items():
        if name != "json":
            binary = name in ("parquet", "arrow")
            content[form.media_type] = {
                "schema": {"type": "string", "format": "binary"} if binary else {"type": "string"}
            }
    ok = {"description": f"Rows of {shape.name}; columns: {', '.join(shape.columns)}.", "content": content}
    same = {"description": "The reader has this representation already (If-None-Match)."}
    return {200: ok, 304: same, **problem_responses(*sorted({400, 401, 403, 406, 410, 413, 422, 429, 503, *more}))}


ENVELOPE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Envelope",
    "description": "A page with what is about it in the body, for readers that can't see headers.",
    "properties": {
        "run": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        "columns": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "type": {"type": "string"}},
                "required": ["name", "type"],
            },
        },
        "total": {"type": ["integer", "null"]},
        "next": {"type": ["string", "null"]},
        "next_cursor": {"type": ["string", "null"]},
        "data": {"type": "array"},
    },
    "required": ["run", "columns", "total", "next", "next_cursor", "data"],
}
DESCRIPTION = """Weekly probabilities that a supplier of a critical mineral is disrupted, with reasons and a record.

Rows are flat, times are ISO 8601 in UTC, columns keep their names, types and order under `/v1`. A table is a JSON array
by default; `?format=` or the header Accept choose NDJSON, CSV, Parquet or Arrow. Pages follow the header `Link`, or
`next_cursor` of `?envelope=true`. Errors are `application/problem+json` and say what to do."""
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of `oresight keys create`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any user, the key as password."},
}


def document(app: FastAPI) -> dict[str, Any]:
    """Give the document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
        )
        parts = made.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas |= {"Problem": PROBLEM_SCHEMA, "Envelope": ENVELOPE_SCHEMA}
        schemas |= {shape.name: shape.json_schema() for shape in SHAPES}
        parts["securitySchemes"] = SECURITY
        # The empty one: some services may be read without a key.
        made["security"] = [{}, *({name: []} for name in SECURITY)]
        app.openapi_schema = made
    return app.openapi_schema
