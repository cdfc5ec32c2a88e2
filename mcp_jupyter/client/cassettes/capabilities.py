# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks that make a client declare the capabilities of a recorded one, and decline what they are asked.

A server may have other tools for a client that can be asked something than for one that cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from pydantic import ValidationError

from ... import types
from ...protocol.codes import INVALID_REQUEST

__all__ = ["callbacks_for"]

OF_NOTEBOOKS: Final[Mapping[str, Any]] = {"elicitation": {"form": {}, "url": {}}, "sampling": {}}
"""What clients of a notebook declare, of which recordings were made before they said it."""


def callbacks_for(capabilities: Mapping[str, Any] | None) -> dict[str, Any]:
    """Options of a `Client` with which it declares the same.

    Parameters
    ----------
    capabilities : mapping or None
        As recorded. None for a recording that does not say: those of a notebook.
    """
    declared = OF_NOTEBOOKS if capabilities is None else capabilities
    options: dict[str, Any] = {}
    elicitation = declared.get("elicitation")
    if isinstance(elicitation, dict):
        options["elicitation_callback"] = _decline if "url" in elicitation else _decline_form
    if "sampling" in declared:
        options["sampling_callback"] = _refuse
        with suppress(ValidationError):  # not written by this package: a plain one is declared
            options["sampling_capabilities"] = types.SamplingCapability.from_wire(declared["sampling"])
    if "roots" in declared:
        options["list_roots_callback"] = _no_roots
    return options


async def _decline(params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


async def _decline_form(params: types.ElicitRequestFormParams) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


async def _refuse(params: types.CreateMessageRequestParams) -> types.ErrorData:
    return types.ErrorData(code=INVALID_REQUEST, message="Nothing is sampled while a recording is verified.")


async def _no_roots() -> types.ListRootsResult:
    return types.ListRootsResult(roots=[])
