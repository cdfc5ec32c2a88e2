# SPDX-License-Identifier: BSD-3-Clause
"""Our types read and write what the official schemas and examples say, and miss none of their members."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from pydantic_core import from_json

from mcp_jupyter import types
from tests.types import official
from tests.types.official import VERSIONS, canonical, instances, read, schema, type_of, wire

ENVELOPE = {"id", "jsonrpc"}
"""Since 2025-11-25 the schemas spell these out in every request; ours are in `JSONRPCRequest`."""

OURS_ANYWHERE = {"_meta", "resultType"}
"""All our params and results have them; the schemas spell them out where they expect them."""

OURS_ONLY = {
    "SubscriptionFilter": {"taskIds"},  # from the schema of the extension io.modelcontextprotocol/tasks
}
"""Members that a model of ours has and no official definition of that name."""


@pytest.mark.parametrize(
    ("definition", "message"),
    [pytest.param(definition, message, id=name) for definition, name, message in official.examples()],
)
def test_every_official_example_survives_a_round_trip(definition: str, message: Any) -> None:
    assert canonical(from_json(wire(read(definition, message)))) == canonical(message)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_definition_has_a_type_or_a_reason(version: str) -> None:
    without = {name for name in schema(version).definitions if type_of(name) is None}
    assert without <= official.NO_TYPE.keys()


def test_every_reason_is_still_needed() -> None:
    defined = {name for version in VERSIONS for name in schema(version).definitions}
    assert official.NO_TYPE.keys() | official.OTHER_NAME.keys() <= defined
    assert not [name for name in official.NO_TYPE if type_of(name) is not None]


@pytest.mark.parametrize("version", VERSIONS)
def test_instances_of_every_definition_survive_a_round_trip(version: str) -> None:
    for definition in filter(type_of, schema(version).definitions):
        for message in instances(schema(version), definition):
            written = from_json(wire(read(definition, message)))
            assert canonical(written) == canonical(message), definition


@pytest.mark.parametrize("version", VERSIONS)
def test_the_instances_fit_the_official_schema(version: str) -> None:
    """So that the test above is about real messages, and what we write fits the schema too."""
    spec = schema(version)
    for definition, node in spec.definitions.items():
        if type_of(definition) and "anyOf" not in node:  # alternatives have their own turn
            for message in instances(spec, definition):
                assert spec.errors(definition, message) == [], definition


def _wire_names(model: type[types.WireModel]) -> dict[str, Any]:
    """The names of a model's members as they travel, with their types."""
    return {field.serialization_alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[types.WireModel] | None:
    """The one model a member's type is made of, if it is just one."""
    if isinstance(annotation, type) and issubclass(annotation, types.WireModel):
        return annotation
    found = {model for part in get_args(annotation) if (model := _model_in(part))}
    return found.pop() if len(found) == 1 else None


Members = dict[type[types.WireModel], set[str]]


def _collect(spec: official.Schema, node: Any, model: type[types.WireModel], found: Members) -> None:
    """Note the members of a definition, and of the objects spelt out inside it."""
    properties = spec.resolve(node).get("properties", {})
    found.setdefault(model, set()).update(properties)
    for name, value in properties.items():
        inner = _model_in(field.annotation) if (field := _wire_names(model).get(name)) else None
        for part in (value, value.get("items", {})):
            if inner and "properties" in part:
                _collect(spec, part, inner, found)


def _official_members() -> Members:
    """Each model that reads object definitions, with the members these have over all versions."""
    found: Members = {}
    for version in VERSIONS:
        spec = schema(version)
        for definition, node in spec.definitions.items():
            model = type_of(definition)
            if (
                isinstance(model, type)
                and issubclass(model, types.WireModel)
                and "properties" in spec.resolve(node)
            ):
                _collect(spec, node, model, found)
    return found


def test_models_have_exactly_the_official_members() -> None:
    """Round trips cannot show a missing or misspelt member: it would be kept as an unknown one."""
    for model, members in _official_members().items():
        ours = set(_wire_names(model))
        assert members - ENVELOPE <= ours, model.__name__
        assert ours - members <= OURS_ANYWHERE | OURS_ONLY.get(model.__name__, set()), model.__name__


def test_the_data_of_official_errors_has_models() -> None:
    messages = {name: message["error"] for name, _, message in official.examples() if "error" in message}
    version = messages["UnsupportedProtocolVersionError"]
    assert version["code"] == types.UNSUPPORTED_PROTOCOL_VERSION
    assert types.UnsupportedProtocolVersionErrorData.from_wire(version["data"]).requested == "1900-01-01"
    missing = messages["MissingRequiredClientCapabilityError"]
    assert missing["code"] == types.MISSING_CLIENT_CAPABILITY
    data = types.MissingRequiredClientCapabilityErrorData.from_wire(missing["data"])
    assert data.requiredCapabilities.elicitation is not None


MODELS = [
    value
    for name in types.__all__
    if isinstance(value := getattr(types, name), type) and issubclass(value, types.WireModel)
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_python_name_leaks_onto_the_wire(model: type[types.WireModel]) -> None:
    for name in _wire_names(model):
        assert re.fullmatch(r"_meta|[a-z][A-Za-z]*|io\.modelcontextprotocol/[a-z][A-Za-z]*", name)


def test_default_dumps_use_wire_names_too() -> None:
    tool = types.Tool(name="t", inputSchema={}, meta={"k": 1})
    assert json.loads(tool.model_dump_json(exclude_none=True)) == {
        "name": "t",
        "inputSchema": {},
        "_meta": {"k": 1},
    }
