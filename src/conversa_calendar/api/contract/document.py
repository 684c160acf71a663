"""The OpenAPI document, made of the routes as they are and of the contract's table."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation as Route

from conversa_calendar.api.contract.codes import CODES, STATUSES
from conversa_calendar.api.contract.parameters import HEADERS, PARAMETERS
from conversa_calendar.api.contract.shapes import Operation, Schema, ref
from conversa_calendar.api.contract.table import OPERATIONS, SCHEMAS

JSON, PROBLEM = "application/json", "application/problem+json"
NAME = "bearer"
_BODY = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_SECURITY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API token of the account, made under Settings or by `POST /tokens`.",
}


_FILE: Schema = {"type": "string", "description": "A file, as it is."}


class Document(OpenAPISchema):
    """The document of an API. Whatever the table does not know is left bare, which the tests refuse."""

    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        super().__init__(api, path_prefix)
        self["security"] = [{NAME: []}]

    def operation_details(self, operation: Route) -> dict[str, Any]:
        name = operation.view_func.__name__
        known = OPERATIONS.get(name, Operation(answer=None))
        parameters = [_parameter(row, known) for row in self.operation_parameters(operation)]
        found: dict[str, Any] = {
            "operationId": name,
            "summary": operation.summary,
            "description": _says(operation, known),
            "tags": operation.tags,
            "parameters": parameters,
            "security": [{NAME: [operation.view_func.conversa_rule[0]]}],  # type: ignore[attr-defined]
        }
        if known.body is not None:
            content = {JSON: {"schema": known.body, "example": sample(known.body)}}
            found["requestBody"] = {"required": not known.is_body_optional, "content": content}
        if known.takes:
            found["requestBody"] = {"required": True, "content": {known.takes: {"schema": _FILE}}}
        (status,) = (status for status in operation.response_models if isinstance(status, int))
        refusals = _refusals(parameters, known, is_write=operation.methods != ["GET"])
        found["responses"] = {str(status): _success(status, known)} | refusals
        return found

    def get_components(self) -> dict[str, Any]:
        return {"schemas": SCHEMAS, "securitySchemes": {NAME: _SECURITY}}


def sample(schema: Schema) -> Any:
    """An example of a schema, made of the examples of its fields; of a body only what is needed and a little more."""
    if "$ref" in schema:
        return sample(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    if schema.get("examples"):
        return schema["examples"][0]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "object" in kinds:
        fields = schema.get("properties", {})
        names = schema.get("required") or list(fields)[:2]
        return {name: sample(fields[name]) for name in names}
    if "array" in kinds:
        return [sample(schema["items"])] * schema.get("minItems", 1)
    return {"string": "", "boolean": True, "integer": 1, "number": 1}[kinds[0]]


def _parameter(row: dict[str, Any], known: Operation) -> dict[str, Any]:
    """A parameter as the route takes it, in the contract's words."""
    name, place = row["name"], row["in"]
    words = HEADERS if place == "header" else PARAMETERS
    schema = dict(known.parameters.get(name) or words.get(name) or {})
    taken = row["schema"]
    for bound in ("minimum", "maximum"):
        if bound in taken:
            schema[bound] = taken[bound]
    if taken.get("default") not in (None, ""):
        schema["default"] = taken["default"]
    found = {"name": name, "in": place, "required": row["required"] or name in known.needs, "schema": schema}
    return found | ({"description": schema.pop("description")} if "description" in schema else {})


def _says(operation: Route, known: Operation) -> str:
    scope, permission = operation.view_func.conversa_rule  # type: ignore[attr-defined]
    limit = operation.view_func.conversa_limit  # type: ignore[attr-defined]
    rows = [known.says, f"Needs the scope `{scope}`."]
    rows += [f"Needs the permission `{permission}`."] if permission else []
    rows += ["Not for tokens that reach some calendars only."] if limit == "refused" else []
    return " ".join(row for row in rows if row)


def _success(status: int, known: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if known.gives:
        return found | {"content": {known.gives: {"schema": _FILE}}}
    if known.answer is None:
        return found
    if "etag" in _fields(known.answer):
        words = {"description": "Pass it as If-Match.", "schema": {"type": "string"}}
        found["headers"] = {"ETag": words}
    return found | {"content": {JSON: {"schema": known.answer}}}


def _fields(schema: Schema) -> Iterable[str]:
    if "$ref" in schema:
        return _fields(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return _fields(schema["anyOf"][0])
    fields: dict[str, Schema] = schema.get("properties", {})
    return fields


def _refusals(parameters: list[dict[str, Any]], known: Operation, *, is_write: bool) -> dict[str, Any]:
    named = {row["name"] for row in parameters}
    statuses = {*_ALWAYS, *known.refuses}
    has_body = known.body is not None or bool(known.takes)
    statuses |= {*_BODY} if has_body else set()
    statuses |= {HTTPStatus.NOT_FOUND} if named - set(HEADERS) or has_body else set()
    statuses |= {HTTPStatus.CONFLICT} if is_write else set()
    statuses |= {HTTPStatus.PRECONDITION_FAILED} if "If-Match" in named else set()
    return {str(int(status)): _refusal(int(status)) for status in sorted(statuses)}


def _refusal(status: int) -> dict[str, Any]:
    codes = [name for name, code in CODES.items() if status in code.statuses]
    words = f"{STATUSES[status]}: {', '.join(codes)}."
    found: dict[str, Any] = {"description": words, "content": {PROBLEM: {"schema": ref("Problem")}}}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        found["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return found
