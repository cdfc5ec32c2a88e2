# SPDX-License-Identifier: BSD-3-Clause
"""The official schemas and examples, which type of ours reads each definition, and instances made from them.

Knows the names of our types, nothing of their fields.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import TypeAdapter
from pydantic_core import to_json

from mcp_jupyter import types

JSON: TypeAlias = Any

SPEC = Path(__file__).parent / "spec"
VERSIONS = tuple(sorted(path.stem for path in (SPEC / "schemas").glob("*.json")))

NO_TYPE = {
    "Annotated": "what Annotations replaced; no message of its own",
    "Icons": "a member shared by definitions; no message of its own",
    "JSONArray": "any JSON",
    "JSONObject": "any JSON",
    "JSONValue": "any JSON",
    "MetaObject": "any JSON object",
    "ResultType": "a string",
}
"""Definitions without a type of ours, and why."""

_RESULT_OR_ERROR = types.JSONRPCResponse | types.JSONRPCError
OTHER_NAME: dict[str, Any] = {
    "ElicitationCompleteNotification": types.ElicitCompleteNotification,
    "Error": types.ErrorData,
    "HeaderMismatchError": types.JSONRPCError,
    "InternalError": types.ErrorData,
    "InvalidParamsError": types.ErrorData,
    "InvalidRequestError": types.ErrorData,
    "JSONRPCBatchRequest": list[types.JSONRPCMessage],
    "JSONRPCBatchResponse": list[types.JSONRPCMessage],
    "JSONRPCErrorResponse": types.JSONRPCError,
    "JSONRPCMessage": types.JSONRPCMessage | list[types.JSONRPCMessage],
    "JSONRPCResponse": _RESULT_OR_ERROR,
    "JSONRPCResultResponse": types.JSONRPCResponse,
    "MethodNotFoundError": types.ErrorData,
    "MissingRequiredClientCapabilityError": types.JSONRPCError,
    "ParseError": types.ErrorData,
    "ResourceReference": types.ResourceTemplateReference,
    "URLElicitationRequiredError": types.JSONRPCError,
    "UnsupportedProtocolVersionError": types.JSONRPCError,
}
"""Definitions whose type of ours is called something else."""


def type_of(definition: str) -> Any:
    """Our type for a definition, or None."""
    if definition in OTHER_NAME:
        return OTHER_NAME[definition]
    if definition.endswith("ResultResponse"):  # 2026-07-28: the envelope of each result, spelt out
        return types.JSONRPCResponse
    return getattr(types, definition) if definition in types.__all__ else None


@functools.cache
def _adapter(definition: str) -> TypeAdapter[Any]:
    return TypeAdapter(type_of(definition))


def read(definition: str, message: JSON) -> Any:
    """Read a message with our type for the definition."""
    return _adapter(definition).validate_python(message, by_name=False)


def wire(value: Any) -> bytes:
    """Serialise as the engine does."""
    return to_json(value, by_alias=True, exclude_none=True, inf_nan_mode="null")


def canonical(message: JSON) -> str:
    """Text that is equal for equal JSON, and tells 1 from 1.0 and from true."""
    return json.dumps(message, sort_keys=True)


def examples() -> Iterator[tuple[str, str, JSON]]:
    """Every official example: definition, name, message."""
    for path in sorted((SPEC / "examples-2026-07-28").glob("*/*.json")):
        yield path.parent.name, path.stem, json.loads(path.read_text("utf-8"))


class Schema:
    """The official schema of one version."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._document = json.loads((SPEC / "schemas" / f"{version}.json").read_text("utf-8"))
        self._key = "$defs" if "$defs" in self._document else "definitions"
        self.definitions: dict[str, JSON] = self._document[self._key]

    def errors(self, definition: str, message: JSON) -> list[str]:
        """What the schema has against a message."""
        return [error.message for error in self._validator(definition).iter_errors(message)]

    @functools.cache  # noqa: B019 - as long-lived as the schema, which is itself kept
    def _validator(self, definition: str) -> Any:
        kind = Draft202012Validator if self._key == "$defs" else Draft7Validator
        return kind({"$ref": f"#/{self._key}/{definition}", self._key: self.definitions})

    def resolve(self, schema: JSON) -> JSON:
        """Follow references, and merge `allOf` into one object."""
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].rsplit("/", 1)[-1]]
        if "allOf" not in schema:
            return schema
        parts = [self.resolve(part) for part in schema["allOf"]]
        return {
            "type": "object",
            "properties": {
                name: value for part in parts for name, value in part.get("properties", {}).items()
            },
            "required": [name for part in parts for name in part.get("required", [])],
        }


@functools.cache
def schema(version: str) -> Schema:
    return Schema(version)


# ------------------------------------------------------------------------------------ making instances

_STRINGS = {"byte": "QUJD", "uri": "file:///dæta/a%20b?q=1#x", "uri-template": "file:///{+path}{?q*}"}
_ANY: tuple[JSON, ...] = ({"a_b": [1, None, "é\u2028😀"]}, None, [], 2**70, 0.5, False, "")


def instances(schema: Schema, definition: str) -> list[JSON]:
    """Messages that between them use every member, every alternative and every constant of a definition.

    Objects of other definitions inside are only made in two forms, bare and full: they have their own turn.
    """
    return _variants(schema, schema.definitions[definition], (definition,))


def _variants(schema: Schema, node: JSON, path: tuple[str, ...]) -> list[JSON]:
    if node is True:
        return list(_ANY)
    if "$ref" in node:
        return _referenced(schema, node["$ref"].rsplit("/", 1)[-1], path)
    if "allOf" in node:
        node = schema.resolve(node)
    if "const" in node:
        return [node["const"]]
    if "enum" in node:
        return list(node["enum"])
    if "anyOf" in node:
        return [value for option in node["anyOf"] for value in _variants(schema, option, path)]
    kinds = node.get("type", "object" if "properties" in node else "any")
    return [
        value
        for kind in ([kinds] if isinstance(kinds, str) else kinds)
        for value in _of_kind(schema, node, kind, path)
    ]


def _referenced(schema: Schema, definition: str, path: tuple[str, ...]) -> list[JSON]:
    if definition in path:
        return ["again"]  # only `JSONValue` contains itself
    node = schema.definitions[definition]
    values = _variants(schema, node, (*path, definition))
    return values if "anyOf" in node else values[:2]


def _of_kind(schema: Schema, node: JSON, kind: str, path: tuple[str, ...]) -> list[JSON]:
    if kind == "object":
        return _objects(schema, node, path)
    if kind == "array":
        return [[], _variants(schema, node.get("items", True), path)]
    limit = node.get("maximum", 2**70)
    return {
        "any": list(_ANY),
        "string": [_STRINGS.get(node.get("format", ""), "text é 😀")],
        "integer": [0, limit],
        "number": [min(1, limit), 0.25, limit],
        "boolean": [True, False],
        "null": [None],
    }[kind]


def _objects(schema: Schema, node: JSON, path: tuple[str, ...]) -> list[JSON]:
    """Only what is required; everything; then everything with each alternative of each member in turn."""
    members = {name: _variants(schema, value, path) for name, value in node.get("properties", {}).items()}
    others: dict[str, JSON] = {}
    if node.get("additionalProperties") or not members:
        values = _variants(schema, node.get("additionalProperties") or True, path)
        others = {f"x-{number}": value for number, value in enumerate(values)}
    if "properties" in node:  # `null` for a member nobody knows is the one thing that is not kept
        others = {name: value for name, value in others.items() if value is not None}
    full = {name: values[-1] for name, values in members.items()} | others
    required = set(node.get("required", []))
    found = [{name: value for name, value in full.items() if name in required}, full]
    found += [full | {name: value} for name, values in members.items() for value in values[:-1]]
    return found
