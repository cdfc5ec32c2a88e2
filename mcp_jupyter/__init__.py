# SPDX-License-Identifier: BSD-3-Clause
"""The package's front door: public names, found when first asked for, and the entry points Jupyter calls.

Owns only the table of names. It imports none of the layers below until one of their names is used, so that
``import mcp_jupyter`` costs next to nothing in a kernel, in a Jupyter Server and on the command line.
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

# Public name -> where it lives: a module, or a name in a module. Strings and not import statements: the rule
# of the layers is checked on import statements, and this table belongs to no layer.
_HOME = {
    "Client": "mcp_jupyter.client.client:Client",
    "ClientSession": "mcp_jupyter.client.session:ClientSession",
    "StdioServerParameters": "mcp_jupyter.client.stdio:StdioServerParameters",
    "notebook": "mcp_jupyter.notebook",
    "types": "mcp_jupyter.types",
    # Further names that the first-generation SDK has at its top.
    "ClientSessionGroup": "mcp_jupyter.client.session_group:ClientSessionGroup",
    "McpError": "mcp_jupyter.errors:McpError",
    "SamplingRole": "mcp_jupyter.types:Role",
    "ServerSession": "mcp_jupyter.server.session:ServerSession",
    "UrlElicitationRequiredError": "mcp_jupyter.errors:UrlElicitationRequired",
    "stdio_client": "mcp_jupyter.client.stdio:stdio_client",
    "stdio_server": "mcp_jupyter.server.stdio:stdio_server",
}

# Types that it has there too.
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
    """Import ``module`` or ``module:name`` at the moment it is needed."""
    from importlib import import_module

    module, _, name = target.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


def __getattr__(name: str) -> Any:
    """Find a public name in its module (PEP 562) and keep it, so that this runs once a name."""
    home = f"mcp_jupyter.types:{name}" if name in _TYPES else _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = _load(home)
    return value


def __dir__() -> list[str]:
    """List the lazy names too, for completion."""
    return sorted({*globals(), *_HOME})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics and start serving this kernel: what ``%load_ext mcp_jupyter`` calls."""
    _load("mcp_jupyter.ipython_extension:load_ipython_extension")(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take back all that loading did: what ``%unload_ext mcp_jupyter`` calls."""
    _load("mcp_jupyter.ipython_extension:unload_ipython_extension")(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server which application to load."""
    app = _load("mcp_jupyter.extension.app:McpJupyterApp")
    return [{"module": "mcp_jupyter.extension", "app": app}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's development tools where the built panel is."""
    return [{"src": "labextension", "dest": "mcp-jupyter"}]
