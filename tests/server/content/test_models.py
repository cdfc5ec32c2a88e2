# SPDX-License-Identifier: BSD-3-Clause
"""Models of every make: what a result gives is what an argument takes, and the text says the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pydantic
import pytest
from pydantic_core import from_json
from typing_extensions import TypeAliasType, TypedDict

from mcp_jupyter.server.content import plain
from mcp_jupyter.server.fastmcp import Context
from mcp_jupyter.server.fastmcp.outputs import Output
from mcp_jupyter.server.fastmcp.signatures import Signature

RAW, ENCODED = b"\xff\x00", "_wA="
INF = float("inf")
FAR = pd.Timestamp(np.datetime64("12024-01-02"))

Share = TypeAliasType("Share", float)
When = TypeAliasType("When", dt.datetime)
Raw = TypeAliasType("Raw", bytes)
T = TypeVar("T")


class Named(pydantic.BaseModel):
    """Its fields are called as the parts of pydantic's own schemas are."""

    config: bytes
    default: bytes
    type: bytes
    metadata: bytes
    function: bytes
    serialization: bytes
    choices: list[bytes]


class Photo(pydantic.BaseModel):
    kind: Literal["default"] = "default"
    raw: bytes


class Visit(pydantic.BaseModel):
    kind: Literal["visit"] = "visit"
    at: dt.datetime


class Chosen(pydantic.BaseModel):
    it: Annotated[Photo | Visit, pydantic.Field(discriminator="kind")]


class Aliases(pydantic.BaseModel):
    share: Share
    other: Share
    when: When | None = None
    then: When | None = None
    raw: Raw = b""
    more: Raw = b""


class Tree(pydantic.BaseModel):
    raw: bytes
    children: list[Tree] = []


class Box(pydantic.BaseModel, Generic[T]):
    it: T


class Configured(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        ser_json_bytes="hex", val_json_bytes="hex", ser_json_inf_nan="constants"
    )
    raw: bytes
    share: float


class Encoded(pydantic.BaseModel):
    text: pydantic.Base64Bytes
    raw: bytes


class Pair(NamedTuple):
    raw: bytes
    share: float


class Row(TypedDict):
    raw: bytes


@dataclasses.dataclass
class Holder:
    row: Row
    pair: Pair


KINDS = [
    (
        Named(**dict.fromkeys(set(Named.model_fields) - {"choices"}, RAW), choices=[RAW]),
        {**dict.fromkeys(Named.model_fields, ENCODED), "choices": [ENCODED]},
    ),
    (Chosen(it=Photo(raw=RAW)), {"it": {"kind": "default", "raw": ENCODED}}),
    (
        Aliases(share=INF, other=1, raw=RAW),
        {"share": "Infinity", "other": 1.0, "when": None, "then": None, "raw": ENCODED, "more": ""},
    ),
    (
        Tree(raw=RAW, children=[Tree(raw=b"abc")]),
        {"raw": ENCODED, "children": [{"raw": "YWJj", "children": []}]},
    ),
    (Box[bytes](it=RAW), {"it": ENCODED}),
    (Box[list[Share]](it=[INF, 1]), {"it": ["Infinity", 1.0]}),
    (Configured(raw=RAW, share=INF), {"raw": ENCODED, "share": "Infinity"}),
    (Encoded(text=b"YWJj", raw=RAW), {"text": "YWJj", "raw": ENCODED}),
    (Holder({"raw": RAW}, Pair(RAW, INF)), {"row": {"raw": ENCODED}, "pair": [ENCODED, "Infinity"]}),
]


@pytest.mark.parametrize(("value", "form"), KINDS, ids=[type(value).__name__ for value, _ in KINDS])
def test_a_model_as_a_result_and_as_an_argument(value: Any, form: Any) -> None:
    """Bytes and infinities, in a form that a tool takes back (1.12, 1.15)."""
    assert plain(value) == form
    output = Output.of(type(value))
    assert output is not None
    written = output.written(value)
    assert written is not None
    assert written.value == form
    assert from_json(written.text) == form

    def function(it: Any) -> None: ...

    function.__annotations__["it"] = type(value)
    assert Signature(function, Context).bind({"it": form}) == {"it": value}


@pytest.mark.parametrize(
    "value", [Chosen(it=Visit(at=FAR)), Aliases(share=1, other=1, when=FAR), Box[When](it=FAR)]
)
def test_a_far_date_in_a_model(value: Any) -> None:
    """Wherever the model has it (1.11)."""
    output = Output.of(type(value))
    assert output is not None
    written = output.written(value)
    assert written is not None
    assert written.value == plain(value)
    assert "'12024-01-02T00:00:00'" in str(plain(value))
