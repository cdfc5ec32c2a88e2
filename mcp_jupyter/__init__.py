# SPDX-License-Identifier: BSD-3-Clause
"""A Jupyter notebook as MCP server and client: the public names, and the functions that Jupyter calls.

Modules are imported when one of their names is first used, so that ``import mcp_jupyter`` costs almost
nothing in a kernel, in a Jupyter Server and on the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_jupyter._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from mcp_jupyter import notebook, types
    from mcp_jupyter.client.client import Client
    from mcp_jupyter.client.session import ClientSession
    from mcp_jupyter.client.stdio import StdioServerParameters, stdio_client
    from mcp_jupyter.errors import McpError
    from mcp_jupyter.server.session import ServerSession
    from mcp_jupyter.server.stdio import stdio_server

__all__ = [
    "Client",
    "ClientSession",
    "McpError",
    "ServerSession",
    "StdioServerParameters",
    "__version__",
    "load_ipython_extension",
    "notebook",
    "stdio_client",
    "stdio_server",
    "types",
    "unload_ipython_extension",
]

# Public name -> its module, or "module:name". Strings instead of import statements, because import-linter
# checks the layers by import statements and this table refers to all layers.
_HOME = {
    "Client": "mcp_jupyter.client.client:Client",
    "ClientSession": "mcp_jupyter.client.session:ClientSession",
    "StdioServerParameters": "mcp_jupyter.client.stdio:StdioServerParameters",
    "notebook": "mcp_jupyter.notebook",
    "types": "mcp_jupyter.types",
    # Further names that the first-generation SDK has in its top-level package.
    "ClientSessionGroup": "mcp_jupyter.client.session_group:ClientSessionGroup",
    "McpError": "mcp_jupyter.errors:McpError",
    "SamplingRole": "mcp_jupyter.types:Role",
    "ServerSession": "mcp_jupyter.server.session:ServerSession",
    "UrlElicitationRequiredError": "mcp_jupyter.errors:UrlElicitationRequired",
    "stdio_client": "mcp_jupyter.client.stdio:stdio_client",
    "stdio_server": "mcp_jupyter.server.stdio:stdio_server",
}

# Types that the SDK has there too.
_TYPES = frozenset({
    "CallToolRequest", "ClientCapabilities", "ClientNotification", "ClientRequest", "ClientResult",
    "CompleteRequest", "CreateMessageRequest", "CreateMessageResult", "CreateMessageResultWithTools",
    "ErrorData", "GetPromptRequest", "GetPromptResult", "Implementation", "IncludeContext",
    "InitializeRequest", "InitializeResult", "InitializedNotification", "JSONRPCError", "JSONRPCRequest",
    "JSONRPCResponse", "ListPromptsRequest", "ListPromptsResult", "ListResourcesRequest",
    "ListResourcesResult", "ListToolsResult", "LoggingLevel", "LoggingMessageNotification", "Notification",
    "PingRequest", "ProgressNotification", "PromptsCapability", "ReadResourceRequest", "ReadResourceResult",
    "Resource", "ResourceUpdatedNotification", "ResourcesCapability", "RootsCapability",
    "SamplingCapability", "SamplingContent", "SamplingContextCapability", "SamplingMessage",
    "SamplingMessageContentBlock", "SamplingToolsCapability", "ServerCapabilities", "ServerNotification",
    "ServerRequest", "ServerResult", "SetLevelRequest", "StopReason", "SubscribeRequest", "Tool",
    "ToolChoice", "ToolResultContent", "ToolUseContent", "ToolsCapability", "UnsubscribeRequest",
})  # fmt: skip


def _load(target: str) -> Any:
    """Import and return ``module`` or ``module:name``."""
    from importlib import import_module

    module, _, name = target.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562) and keep it, so that this runs once per name."""
    home = f"mcp_jupyter.types:{name}" if name in _TYPES else _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = _load(home)
    return value


def __dir__() -> list[str]:
    """List the lazy names too, for completion."""
    return sorted({*globals(), *_HOME})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics and start serving this kernel; ``%load_ext mcp_jupyter`` calls this."""
    _load("mcp_jupyter.ipython_extension:load_ipython_extension")(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Undo everything that loading did; ``%unload_ext mcp_jupyter`` calls this."""
    _load("mcp_jupyter.ipython_extension:unload_ipython_extension")(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server which application to load."""
    app = _load("mcp_jupyter.extension.app:McpJupyterApp")
    return [{"module": "mcp_jupyter.extension", "app": app}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's development tools where the built panel is."""
    return [{"src": "labextension", "dest": "mcp-jupyter"}]
