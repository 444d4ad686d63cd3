"""The API in the form of OpenAPI 3.1; a test tries it against a real server."""

from collections.abc import Sequence
from typing import Any

from pellucid.safety.budgets import REQUEST_INPUTS

_Schema = dict[str, Any]
_VERSION = "1"  # of the API, whatever that of the program is

_TEXT: _Schema = {"type": "string"}
_SHARE: _Schema = {"type": "number", "minimum": 0, "maximum": 1}
_ERROR: _Schema = {
    "type": "object",
    "properties": {"error": _TEXT},
    "required": ["error"],
    "additionalProperties": False,
}
_ANSWER: _Schema = {
    "type": "object",
    "properties": {
        "label": {"type": ["string", "number"], "description": "class, labels joined by `;`, or number"},
        "labels": {"type": "array", "items": _TEXT, "description": "where there may be several"},
        "probability": {**_SHARE, "description": "that the label is right"},
        "probabilities": {"type": "object", "additionalProperties": _SHARE},
        "novelty": {**_SHARE, "description": "share of validation examples that look less foreign"},
        "unfamiliar": {
            "type": "boolean",
            "description": "unlike the training data: do not rely on the answer",
        },
        "warning": {"type": "string", "description": "what was left out, such as frames"},
    },
    "required": ["label"],
}
_SCORES: _Schema = {"type": "array", "items": {"type": "number"}}
_EXPLANATION: _Schema = {
    **_ANSWER,
    "properties": {
        **_ANSWER["properties"],
        "method": {"const": "occlusion"},
        "explained": {"type": ["string", "null"], "description": "class whose probability is explained"},
        "score": {"type": "number", "description": "its probability, or the number, of the whole input"},
        "baseline": {"type": "number", "description": "the same without any piece"},
        "rows": {"type": "integer"},
        "columns": {"type": "integer"},
        "pieces": {"type": "array", "items": _TEXT, "description": "words, which make up the text"},
        "scores": {
            "description": "fall of the score without each piece",
            "oneOf": [_SCORES, {"type": "array", "items": _SCORES}],
        },
    },
    "required": ["label", "method", "score", "baseline", "scores"],
}
_LISTED: _Schema = {
    "type": "array",
    "minItems": 1,
    "maxItems": REQUEST_INPUTS,
    "description": "what cannot be used gets its reason in its place of the answers",
}
_NUMBERS: _Schema = {"type": "array", "items": {"type": "number"}}
_COLUMNS: _Schema = {"oneOf": [_TEXT, {"type": "object", "additionalProperties": _TEXT}]}

# As `data/corrections.py` reads it.
_CORRECTION: _Schema = {
    "type": "object",
    "properties": {
        "input": {**_TEXT, "description": "path or `file:row` of the example"},
        "content": {
            **_TEXT,
            "description": "of the example, as the ledger has it",
            "pattern": "^(x[0-9a-f]{16})?$",
        },
        "label": _TEXT,
        "action": {"enum": ["label", "leave-out", "right"]},
        "was": {**_TEXT, "description": "the label that was there"},
        "run": _TEXT,
        "model": {**_TEXT, "pattern": "^(x[0-9a-f]{16})?$"},
    },
    "anyOf": [{"required": ["input"]}, {"required": ["content"]}],
}
_SAVED: _Schema = {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}


def _one_of(several: bool) -> _Schema:
    """JSON of a request: an input of some kind, or several."""
    kinds: list[tuple[str, _Schema]] = [
        ("text", _COLUMNS),
        ("image", {"type": "string", "contentEncoding": "base64"}),
        ("value", _NUMBERS),
    ]
    forms = {name: schema for name, schema in kinds}
    if several:
        forms |= {f"{name}s": _LISTED for name, _ in kinds}
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {name: schema},
                "required": [name],
                "additionalProperties": False,
            }
            for name, schema in forms.items()
        ]
    }


def _json(schema: _Schema, description: str) -> _Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_REASONS = {
    "400": "an image that cannot be read, or no JSON",
    "401": "no token, or another",
    "403": "a host or origin that may not ask",
    "404": "no such path or model",
    "405": "another method",
    "408": "the request took too long",
    "409": "somebody else changed the table",
    "413": "more bytes or pixels than are taken",
    "415": "another content type",
    "422": "an input that this model does not take, or more than one request may cost",
    "507": "the disk is full",
    "503": "busy or starting; try again after Retry-After seconds",
}


def _refusals(*statuses: str) -> _Schema:
    found = {status: _json(_ERROR, _REASONS[status]) for status in ("400", "403", "404", "405", *statuses)}
    if "503" in found:
        found["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return found


_CORRECTING: _Schema = {
    "summary": "Save a correction of a label",
    "requestBody": {"required": True, "content": {"application/json": {"schema": _CORRECTION}}},
}


def _saved(*locked: str) -> _Schema:
    return {
        "201": _json(_SAVED, "its row of the table, which is on the disk"),
        **_refusals("408", "409", "413", "415", "422", "503", "507", *locked),
    }


def document(names: Sequence[str], *, needs_token: bool, takes_corrections: bool = False) -> dict[str, Any]:
    """The description of the API of a server that serves these models."""
    model = {
        "name": "model",
        "in": "query",
        "description": f"name of the model; default: {names[0]}",
        "schema": {"enum": list(names)},
    }
    private: _Schema = {"security": [{"token": []}]} if needs_token else {}
    locked = ("401",) if needs_token else ()

    def asking(words: str, schema: _Schema, *, several: bool) -> _Schema:
        image = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
        body = {
            "application/json": {"schema": _one_of(several)},
            "image/*": image,
            "application/octet-stream": image,
        }
        return {
            "post": {
                "summary": words,
                "parameters": [model],
                "requestBody": {"required": True, "content": body},
                "responses": {
                    "200": _json(schema, "the answer"),
                    **_refusals("408", "413", "415", "422", "503", *locked),
                },
                **private,
            }
        }

    def reading(
        words: str, content: _Schema, *, parameters: Sequence[_Schema] = (), lock: bool = False
    ) -> _Schema:
        more = private if lock else {}
        return {
            "get": {
                "summary": words,
                "parameters": list(parameters),
                "responses": {
                    "200": {"description": words, "content": content},
                    **_refusals("408", "413", "503", *(locked if lock else ())),
                },
                **more,
            }
        }

    answers = {
        "type": "object",
        "properties": {"answers": {"type": "array", "items": {"anyOf": [_ANSWER, _ERROR]}}},
        "required": ["answers"],
    }
    html = {"text/html": {"schema": _TEXT}}
    status = {"application/json": {"schema": {"type": "object", "properties": {"status": _TEXT}}}}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Pellucid", "version": _VERSION, "license": {"name": "Apache-2.0"}},
        "paths": {
            "/api/predict": asking(
                "Label one input, or several", {"anyOf": [_ANSWER, answers]}, several=True
            ),
            "/api/explain": asking("Label one input, and say why", _EXPLANATION, several=False),
            "/api/model": reading(
                "What a model takes and answers, and its last window of drift",
                {
                    "application/json": {
                        "schema": {"type": "object", "required": ["name", "models", "classes"]}
                    }
                },
                parameters=[model],
                lock=True,
            ),
            "/healthz": reading("The server runs", status),
            "/readyz": reading("The server answers", status),
            "/metrics": reading("Metrics for Prometheus", {"text/plain": {"schema": _TEXT}}, lock=True),
            "/openapi.json": reading("This document", {"application/json": {"schema": {"type": "object"}}}),
            "/": reading("A page", html, parameters=[model]),
        },
    }
    if takes_corrections:
        table = {"text/csv": {"schema": _TEXT}}
        found["paths"] |= {
            "/report": reading("The report of the run, which saves corrections here", html),
            "/api/report": reading("The same, with the token", html, lock=True),
            "/api/corrections": {
                **reading("The table of corrections", table, lock=True),
                "post": {**_CORRECTING, "responses": _saved(*locked), **private},
            },
        }
    if needs_token:
        found["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    return found
