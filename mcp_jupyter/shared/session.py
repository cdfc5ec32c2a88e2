# SPDX-License-Identifier: BSD-3-Clause
"""Types of the first-generation SDK's base session, for annotations."""

from __future__ import annotations

from typing import Generic, TypeVar

from ..engine.connection import ProgressCallback as ProgressFnT

__all__ = ["ProgressFnT", "RequestResponder"]

Q = TypeVar("Q")
R = TypeVar("R")


class RequestResponder(Generic[Q, R]):
    """In the SDK, a request of the server that the client's message handler may answer.

    Here it is for annotations only: the server's requests go to the callbacks.
    """
