# SPDX-License-Identifier: BSD-3-Clause
"""The exceptions of `FastMCP`, under the first-generation SDK's names."""

from ...errors import McpJupyterError as FastMCPError
from ...errors import ToolError
from ...errors import ToolError as ResourceError

__all__ = ["FastMCPError", "ResourceError", "ToolError"]
