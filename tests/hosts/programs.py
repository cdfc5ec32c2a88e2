# SPDX-License-Identifier: BSD-3-Clause
"""The hosts: one row each with its exact version, its configuration files, its command, its environment.

Nothing of the caller's environment is passed on, so no key and no setting of the machine gets in. Models are
named as the hosts want them; all are the scripted one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .formats import MODEL

__all__ = ["HOSTS", "SERVER", "Host", "Reader", "Server", "Setup"]

SERVER = "orchard"
"""The name that each host's configuration gives the server."""

PROMPT = "Use the tools of the orchard."
KEY = "no-key"
MILLISECONDS = 90_000
"""That a host waits for its server to start, where that can be said: tests share the machine."""

SECONDS = MILLISECONDS // 1000


@dataclass(frozen=True)
class Server:
    """An MCP server as hosts are told of it: a command, or a URL with headers."""

    command: tuple[str, ...] = ()
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def entry(self, url: str = "url", **stdio: Any) -> dict[str, Any]:
        """Members that most hosts agree on; `url` is how one calls the URL."""
        if self.url:
            return {url: self.url, "headers": dict(self.headers)}
        return {**stdio, "command": self.command[0], "args": list(self.command[1:])}


@dataclass(frozen=True)
class Setup:
    """One run: an empty home, the model's base URL, the server."""

    home: Path
    model: str
    server: Server


Files = Mapping[str, Any]
"""By path under the home: a text, or what is written as JSON."""


@dataclass(frozen=True)
class Reader:
    """A host's own tool that reads a resource, and what it calls the server's name."""

    tool: str
    server_argument: str = "server"


@dataclass(frozen=True)
class Host:
    """A host's program.

    Attributes
    ----------
    title : str
        As its profile says it.
    package : str
        At npm, with its exact version.
    binary : str
    files : callable
        Its configuration.
    arguments : tuple of str
        Of a run without a person; ``{home}`` stands for the home.
    environ : mapping
        ``{model}`` stands for the model's URL, ``{home}`` for the home.
    reader : Reader or None
        How its model reads a resource that is in no list.
    shows_pictures : bool
        Whether pictures reach this model as pictures.
    """

    title: str
    package: str
    binary: str
    files: Callable[[Setup], Files]
    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    reader: Reader | None = None
    shows_pictures: bool = False

    @property
    def folder(self) -> str:
        """Where the package is, under ``node_modules``."""
        return self.package.rpartition("@")[0]

    @property
    def version(self) -> str:
        return self.package.rpartition("@")[2]


def _servers(setup: Setup, **entry: Any) -> dict[str, Any]:
    return {"mcpServers": {SERVER: entry}}


def _claude(setup: Setup) -> Files:
    kind = {"type": "http"} if setup.server.url else {"type": "stdio"}
    return {"mcp.json": _servers(setup, **kind, **setup.server.entry())}


def _codex(model: str) -> Callable[[Setup], Files]:
    def files(setup: Setup) -> Files:
        server = setup.server
        where: dict[str, Any] = (
            {"command": server.command[0], "args": list(server.command[1:])}
            if not server.url
            else {"url": server.url}
        )
        lines = [
            *_toml(
                model=model, model_provider="fake", approval_policy="never", sandbox_mode="danger-full-access"
            ),
            *_toml(check_for_update_on_startup=False),
            "[analytics]",
            *_toml(enabled=False),
            "[model_providers.fake]",
            *_toml(name="fake", base_url=f"{setup.model}/v1", wire_api="responses", env_key="FAKE_KEY"),
            f"[mcp_servers.{SERVER}]",
            *_toml(**where, required=True, startup_timeout_sec=SECONDS),
            f"[mcp_servers.{SERVER}.http_headers]" if server.url else "",
            *_toml(**server.headers),
        ]
        return {".codex/config.toml": "\n".join(lines)}

    return files


def _toml(**values: Any) -> list[str]:
    return [f"{name} = {json.dumps(value)}" for name, value in values.items()]


def _gemini(setup: Setup) -> Files:
    settings = {
        **_servers(setup, trust=True, **setup.server.entry("httpUrl")),
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False},
    }
    return {".gemini/settings.json": settings}


def _opencode(setup: Setup) -> Files:
    server = setup.server
    local = {"type": "local", "command": list(server.command)}
    remote = {"type": "remote", "url": server.url, "headers": dict(server.headers), "oauth": False}
    model = {
        "name": MODEL,
        "tool_call": True,
        "attachment": True,
        "modalities": {"input": ["text", "image"], "output": ["text"]},
        "limit": {"context": 1_000_000, "output": 8000},
    }
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{setup.model}/v1", "apiKey": KEY},
        "models": {MODEL: model},
    }
    settings = {
        "provider": {"fake": provider},
        "model": f"fake/{MODEL}",
        "small_model": f"fake/{MODEL}",
        "mcp": {SERVER: {**(remote if server.url else local), "enabled": True, "timeout": MILLISECONDS}},
        "autoupdate": False,
        "share": "disabled",
        "permission": {"*": "allow"},
    }
    return {"work/opencode.json": settings}


def _qwen(setup: Setup) -> Files:
    settings = {
        **_servers(setup, trust=True, **setup.server.entry("httpUrl")),
        "security": {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False},
    }
    return {".qwen/settings.json": settings}


def _copilot(setup: Setup) -> Files:
    kind = {"type": "http"} if setup.server.url else {"type": "local"}
    return {".copilot/mcp-config.json": _servers(setup, tools=["*"], **kind, **setup.server.entry())}


def _continue(setup: Setup) -> Files:
    server: dict[str, Any] = setup.server.entry()
    if setup.server.url:
        server = {"type": "streamable-http", "url": setup.server.url}
        server["requestOptions"] = {"headers": dict(setup.server.headers)}
    model = {
        **{"name": "fake", "provider": "openai", "model": MODEL, "apiKey": KEY, "roles": ["chat"]},
        "apiBase": f"{setup.model}/v1",
        "capabilities": ["tool_use", "image_input"],
        "defaultCompletionOptions": {"contextLength": 1_000_000},
    }
    servers = [{"name": SERVER, "connectionTimeout": MILLISECONDS, **server}]
    head = {"name": "fake", "version": "1.0.0", "schema": "v1"}
    return {"config.yaml": {**head, "models": [model], "mcpServers": servers}}  # JSON is YAML


def _cline(setup: Setup) -> Files:
    kind = {"type": "streamableHttp"} if setup.server.url else {}
    provider = "openai-compatible"
    model = {"provider": provider, "apiKey": KEY, "model": MODEL, "baseUrl": f"{setup.model}/v1"}
    chosen = {"settings": model, "updatedAt": "2026-11-30T00:00:00.000Z", "tokenSource": "manual"}
    providers = {"version": 1, "lastUsedProvider": provider, "modes": {}, "providers": {provider: chosen}}
    return {
        ".cline/data/settings/providers.json": providers,
        ".cline/data/settings/cline_mcp_settings.json": _servers(setup, **kind, **setup.server.entry()),
    }


_CLAUDE_TOOLS = (f"mcp__{SERVER}", "ToolSearch", "ReadMcpResourceTool")
_CODEX = ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json", PROMPT)

HOSTS = {
    "claude": Host(
        "Claude Code",
        "@anthropic-ai/claude-code@2.1.332",
        "claude",
        _claude,
        (
            *("-p", PROMPT, "--mcp-config", "{home}/mcp.json", "--strict-mcp-config"),
            *("--allowedTools", *_CLAUDE_TOOLS, "--output-format", "stream-json", "--verbose"),
        ),
        {
            "ANTHROPIC_BASE_URL": "{model}",
            "ANTHROPIC_API_KEY": KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "MCP_TIMEOUT": str(MILLISECONDS),
        },
        Reader("ReadMcpResourceTool"),
        shows_pictures=True,
    ),
    "codex": Host(
        "Codex",
        "@openai/codex@0.171.0",
        "codex",
        _codex(MODEL),
        _CODEX,
        {"CODEX_HOME": "{home}/.codex", "FAKE_KEY": KEY},
        Reader("read_mcp_resource"),
        shows_pictures=True,
    ),
    "codex-code-mode": Host(
        "Codex",
        "@openai/codex@0.171.0",
        "codex",
        _codex("gpt-6.2-sol"),  # what it knows of this model makes it let the model write JavaScript
        _CODEX,
        {"CODEX_HOME": "{home}/.codex", "FAKE_KEY": KEY},
        Reader("read_mcp_resource"),
    ),
    "gemini": Host(
        "Gemini CLI",
        "@google/gemini-cli@0.61.0",
        "gemini",
        _gemini,
        ("-p", PROMPT, "--yolo", "--skip-trust", "-m", "gemini-2.5-pro", "-o", "stream-json"),
        {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": "{model}"},
        shows_pictures=True,
    ),
    "opencode": Host(
        "opencode",
        "opencode-ai@1.18.33",
        "opencode",
        _opencode,
        ("run", "--format", "json", "-m", f"fake/{MODEL}", "--auto", PROMPT),
        {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        },
        Reader("read_mcp_resource"),
        shows_pictures=True,
    ),
    "qwen": Host(
        "Qwen Code",
        "@qwen-code/qwen-code@0.24.4",
        "qwen",
        _qwen,
        ("-p", PROMPT, "--yolo", "--auth-type", "openai", "-o", "stream-json"),
        {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "{model}/v1", "OPENAI_MODEL": MODEL},
        Reader("read_mcp_resource", "server_name"),
    ),
    "copilot": Host(
        "Copilot CLI",
        "@github/copilot@1.0.102",
        "copilot",
        _copilot,
        (
            *("-p", PROMPT, "--allow-all-tools", "--output-format", "json"),
            *("--disable-client-telemetry", "--disable-builtin-mcps"),
        ),
        {
            "COPILOT_PROVIDER_BASE_URL": "{model}/v1",
            "COPILOT_PROVIDER_API_KEY": KEY,
            "COPILOT_MODEL": MODEL,
            "COPILOT_PROVIDER_MAX_PROMPT_TOKENS": "900000",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_OFFLINE": "true",
        },
    ),
    "continue": Host(
        "Continue CLI",
        "@continuedev/cli@1.5.47",
        "cn",
        _continue,
        ("-p", PROMPT, "--config", "{home}/config.yaml", "--auto"),
        {"CONTINUE_TELEMETRY_ENABLED": "0", "CONTINUE_GLOBAL_DIR": "{home}/.continue"},
    ),
    "cline": Host(
        "Cline CLI",
        "cline@3.0.65",
        "cline",
        _cline,
        ("--json", "--auto-approve", "true", PROMPT),
        {"CLINE_TELEMETRY_DISABLED": "1"},
    ),
}
