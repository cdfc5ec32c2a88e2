# SPDX-License-Identifier: BSD-3-Clause
"""Functions whose annotations are evaluated where they stand: no `__future__` here."""

from typing import TypedDict

import typing_extensions

__all__ = ["Step", "move", "quoted", "with_typing_typed_dict"]


class Step(typing_extensions.TypedDict):
    x: int


class Unused(TypedDict):
    """pydantic refuses `typing.TypedDict` before Python 3.12: registration must say so."""

    x: int


def move(by: Step, times: int = 1) -> Step:
    return {"x": by["x"] * times}


def quoted(path: list["Step"]) -> None: ...


def with_typing_typed_dict(by: Unused) -> None: ...
