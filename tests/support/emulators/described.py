"""What a platform documents of its calls (OpenAPI fragments in ``documents/``), and in what a call differs from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml  # type: ignore[import-untyped]
from aiohttp import web

from services.townsquare.faults import FAULT

_FOLDER = Path(__file__).parent / "documents"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Operation:
    """One call: its method, and what its path looks like."""

    method: str
    path: re.Pattern[str]
    said: Mapping[str, Any]


@dataclass
class Description:
    """A platform's documented calls; ``schemas`` are those that others refer to."""

    operations: tuple[Operation, ...]
    schemas: Mapping[str, Any]
    known: dict[int, Callable[[Any], Any]] = field(default_factory=dict)

    def of(self, method: str, path: str) -> Operation | None:
        """Return the call that is documented for a path; a path without a variable first."""
        return next((one for one in self.operations if one.method == method and one.path.fullmatch(path)), None)

    def fault(self, schema: Mapping[str, Any], value: Any) -> str:
        """Return what a value has that its schema does not allow, empty where nothing."""
        validate = self.known.get(id(schema))
        if validate is None:
            whole = {**schema, "components": {"schemas": self.schemas}}
            validate = self.known[id(schema)] = fastjsonschema.compile(whole)
        try:
            validate(value)
        except fastjsonschema.JsonSchemaValueException as error:
            return str(error.message)[:300]
        return ""


@cache
def described(platform: str) -> Description:
    """Read a platform's fragments."""
    text = yaml.safe_load((_FOLDER / f"{platform}.yaml").read_text(encoding="utf-8"))
    made: list[Operation] = []
    # Paths without a variable come first, as OpenAPI asks.
    for path in sorted(text["paths"], key=lambda one: one.count("{")):
        parts = re.split(r"\{[^}]+\}", path)
        pattern = re.compile("[^/]+".join(map(re.escape, parts)))
        shared = text["paths"][path]
        made += [Operation(method.upper(), pattern, said) for method, said in shared.items()]
    return Description(tuple(made), text.get("components", {}).get("schemas", {}))


async def fault_of_request(document: Description, request: web.Request) -> str:
    """Return what a request has that is not documented, or lacks; empty where it is as documented."""
    operation = document.of(request.method, request.path)
    if operation is None:
        return "there is no such call"
    return next(_faults_of_parameters(document, operation, request), "") or await _fault_of_body(
        document, operation, request
    )


def _faults_of_parameters(document: Description, operation: Operation, request: web.Request) -> Iterator[str]:
    declared = operation.said.get("parameters", [])
    query = {one["name"]: one for one in declared if one["in"] == "query"}
    for name in request.query:
        if name not in query:
            yield f"the query {name!r} is not documented"
        elif found := _fault_of_text(document, query[name]["schema"], request.query[name]):
            yield f"the query {name!r} {found}"
    for one in declared:
        given = request.query if one["in"] == "query" else request.headers
        if one.get("required") and one["name"] not in given:
            yield f"{one['in']} {one['name']!r} is missing"
        known = one["in"] == "header" and one["name"] in given
        if known and (found := _fault_of_text(document, one["schema"], given[one["name"]])):
            yield f"the header {one['name']!r} {found}"


def _fault_of_text(document: Description, schema: Mapping[str, Any], text: str) -> str:
    whole = schema.get("type") == "integer"
    return document.fault(schema, int(text) if whole and re.fullmatch(r"-?\d+", text) else text)


async def _fault_of_body(document: Description, operation: Operation, request: web.Request) -> str:
    content = operation.said.get("requestBody", {}).get("content", {})
    if not content:
        return "a body is not documented" if request.method != "GET" and await _raw(request) else ""
    kind = request.content_type
    schema = content.get(kind, content.get("*/*"))
    if schema is None:
        return f"a body of {kind} is not documented"
    if kind == _MULTIPART:
        form = {name: value if isinstance(value, str) else "(bytes)" for name, value in (await request.post()).items()}
        return document.fault(schema["schema"], form)
    if kind == _FORM:
        return document.fault(schema["schema"], dict(await request.post()))
    if kind.endswith("json"):
        try:
            return document.fault(schema["schema"], json.loads(await request.read()))
        except ValueError:
            return "the body is not JSON"
    return "" if await _raw(request) else "the body is missing"


def watching(document: Description, noted: list[str]) -> Any:
    """Return a middleware that notes what a server of ours is asked by connectors, and answers, as is not documented.

    A call with an injected fault (``faults.FAULT``) is answered otherwise on purpose. An upload is left to the server,
    which reads it as it comes.
    """

    @web.middleware
    async def watch(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("User-Agent") != "OneVoice":
            answered: web.StreamResponse = await handler(request)
            return answered
        uploads = request.content_type == _MULTIPART
        fault = "" if uploads else await fault_of_request(document, request)
        if fault:
            noted.append(f"asked {request.method} {request.path}: {fault}")
            return web.json_response({"error": fault}, status=400)
        answered = await handler(request)
        if request.get(FAULT) is None and (fault := fault_of_answer(document, request, answered)):
            noted.append(f"answered {request.method} {request.path} with {answered.status}: {fault}")
        return answered

    return watch


async def _raw(request: web.Request) -> bytes:
    return b"(form)" if request.content_type == _MULTIPART else await request.read()


def fault_of_answer(document: Description, request: web.Request, answer: web.StreamResponse) -> str:
    """Return what an answer has that is not documented; empty where it is as documented."""
    operation = document.of(request.method, request.path)
    if operation is None or not isinstance(answer, web.Response):
        return ""
    answers = operation.said["responses"]
    said = answers.get(str(answer.status), answers.get("default"))
    if said is None:
        return f"the status {answer.status} is not documented"
    raw = bytes(answer.body or b"")  # type: ignore[arg-type]
    content = said.get("content", {})
    if not content:
        return "a body is not documented" if raw else ""
    schema = content.get(answer.content_type)
    if schema is None:
        return f"an answer of {answer.content_type} is not documented"
    if not answer.content_type.endswith("json"):
        return document.fault(schema.get("schema", {}), raw.decode())
    return document.fault(schema["schema"], json.loads(raw))
