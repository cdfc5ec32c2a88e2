# SPDX-License-Identifier: BSD-3-Clause
"""Jupyter events of this extension: what an administrator can route into a log (see `jupyter_events`).

Events carry ids and names, no results and no secrets. Arguments are a digest, unless
`McpJupyterApp.audit_arguments` is set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from jupyter_events import EventLogger

__all__ = ["APPROVAL", "CALL", "TOKENS", "Emit", "register"]

CALL: Final = "https://schema.jupyter.org/mcp_jupyter/call/v1"
APPROVAL: Final = "https://schema.jupyter.org/mcp_jupyter/approval/v1"
TOKENS: Final = "https://schema.jupyter.org/mcp_jupyter/token/v1"

Emit: TypeAlias = Callable[[str, Mapping[str, Any]], None]
"""Emits an event: takes the id of its schema, and its data."""

_SCHEMAS: Final = Path(__file__).parent / "event_schemas"


def register(events: EventLogger) -> Emit:
    """Register the schemas with a server's event logger, and return the function that emits."""
    for schema in sorted(_SCHEMAS.glob("*.yaml")):
        events.register_event_schema(schema)

    def emit(schema_id: str, data: Mapping[str, Any]) -> None:
        events.emit(schema_id=schema_id, data=dict(data))

    return emit
