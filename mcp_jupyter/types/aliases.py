# SPDX-License-Identifier: BSD-3-Clause
"""Names of the first-generation SDK for types that have another name here, and its constants."""

from typing import Final, Literal, TypeAlias

from .content import AudioContent, ImageContent, TextContent
from .interaction import CreateMessageResult
from .prompts import ResourceTemplateReference

__all__ = [
    "CONNECTION_CLOSED",
    "DEFAULT_NEGOTIATED_VERSION",
    "LATEST_PROTOCOL_VERSION",
    "TASK_FORBIDDEN",
    "TASK_OPTIONAL",
    "TASK_REQUIRED",
    "CreateMessageResultWithTools",
    "ResourceReference",
    "SamplingContent",
    "StopReason",
    "TaskExecutionMode",
]

LATEST_PROTOCOL_VERSION: Final = "2025-11-25"
"""The last version that has `initialize`."""

DEFAULT_NEGOTIATED_VERSION: Final = "2025-03-26"
"""Version of an HTTP request without the header (2025-11-25, basic/transports, "Protocol Version Header")."""

CONNECTION_CLOSED: Final = -32000

TaskExecutionMode: TypeAlias = Literal["forbidden", "optional", "required"]
TASK_FORBIDDEN: Final = "forbidden"
TASK_OPTIONAL: Final = "optional"
TASK_REQUIRED: Final = "required"

CreateMessageResultWithTools: TypeAlias = CreateMessageResult
ResourceReference: TypeAlias = ResourceTemplateReference
SamplingContent: TypeAlias = TextContent | ImageContent | AudioContent
StopReason: TypeAlias = str
