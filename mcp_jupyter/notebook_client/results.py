# SPDX-License-Identifier: BSD-3-Clause
"""The results of calls for use in a cell: their text, data and data frame.

`.text` and `.data` are as the server sent them; `display` makes safe what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from pydantic_core import from_json, to_json

from .. import errors
from .._util.text import MAX_PAGE_CHARS, safe_block, safe_line
from ..errors import UncheckableSchema
from ..protocol.frames import has_too_many_containers
from ..types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    PromptMessage,
    ReadResourceResult,
    TextResourceContents,
    Tool,
)
from .display import (
    Bundle,
    Shown,
    bundles_of,
    decoded,
    frame_of,
    frame_of_csv,
    harmless_markdown,
    is_page,
    joined,
    page_bundle,
    text_of,
)
from .functions import compiled, signature_of
from .tracebacks import short_traceback

__all__ = ["CallResult", "Markdown", "PromptResult", "ReadResult", "ToolError"]

_CSV: Final = ("text/csv", "application/csv")


class Markdown:
    """A server's Markdown without images, HTML, TeX and links that run scripts."""

    def __init__(self, text: str) -> None:
        self._text = harmless_markdown(text)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    def _repr_markdown_(self) -> str:
        return self._text


class CallResult(Shown):
    """The result of a tool call.

    Parameters
    ----------
    result : CallToolResult
    tool : Tool, optional
        The tool's definition at the call; its output schema gives the columns of a table their types.

    Attributes
    ----------
    raw : CallToolResult
        The result as the server sent it.
    tool : Tool or None
    """

    def __init__(self, result: CallToolResult, tool: Tool | None = None) -> None:
        self.raw = result
        self.tool = tool

    @property
    def content(self) -> list[Any]:
        """The blocks of content."""
        return list(self.raw.content)

    @property
    def text(self) -> str:
        """All texts, including embedded resources, one below the other, as they were sent."""
        return "\n".join(text_of(self.raw.content))

    @property
    def data(self) -> Any:
        """The structured content; without any, the text.

        Structured content must be an object. For any other value servers send ``{"result": value}``, and
        declare that in the tool's schema; then this is the value, and ``raw`` has the object.

        Text that is a JSON object or array is parsed. (Other text is not: the version "1.10" would become the
        number 1.1.) If there are only bytes, this is the bytes; None for an empty result.
        """
        sent = self._sent
        return sent["result"] if _is_wrapped(sent, self.tool) else sent

    @property
    def _sent(self) -> Any:
        if "structuredContent" in self.raw.model_fields_set:
            return self.raw.structuredContent
        texts = text_of(self.raw.content)
        resources = [block.resource for block in self.raw.content if isinstance(block, EmbeddedResource)]
        if texts or not resources:
            return _data(texts)
        with suppress(ValueError):
            return b"".join(map(_bytes, resources))
        return None

    @property
    def bytes(self) -> bytes:
        """Embedded resources, images and sounds as bytes; text resources in UTF-8.

        Raises
        ------
        ValueError
            A part is not base64.
        """
        return b"".join(map(_bytes_of_block, self.raw.content))

    @cached_property
    def problems(self) -> list[str]:
        """How the result differs from the tool's output schema; empty when it fits."""
        promised = self.tool.outputSchema if self.tool else None
        if promised is None or self.raw.isError:
            return []
        if "structuredContent" not in self.raw.model_fields_set:
            return ["structuredContent is missing"]
        try:
            return compiled(promised).problems(self.raw.structuredContent)
        except UncheckableSchema as exc:
            return [f"the schema cannot be used: {exc}"]

    def df(self, key: str | None = None) -> Any:
        """The result as a pandas data frame.

        Parameters
        ----------
        key : str, optional
            The key of the table in an object.

        Raises
        ------
        ValueError
            The result does not have the shape of a table; the message names the keys.
        ImportError
            pandas is not installed.
        """
        resources = [block.resource for block in self.raw.content if isinstance(block, EmbeddedResource)]
        if "structuredContent" not in self.raw.model_fields_set and key is None:
            text = _csv(resources)
            if text is not None:
                return frame_of_csv(text)
        return frame_of(self._sent, self.tool.outputSchema if self.tool else None, key)

    def markdown(self) -> Markdown:
        """The text, to be displayed as Markdown."""
        return Markdown(self.text)

    def _bundles(self) -> list[Bundle]:
        bundles = self._content_bundles()
        if self.problems:
            said = f"(does not fit the tool's output schema: {'; '.join(map(safe_line, self.problems))})"
            bundles = joined([*bundles, {"text/plain": said}])
        return bundles

    def _content_bundles(self) -> list[Bundle]:
        bundles = bundles_of(self.raw.content)
        structured = self.raw.structuredContent
        if "structuredContent" not in self.raw.model_fields_set:
            return bundles or [{"text/plain": "(an empty result)"}]
        if is_page(structured):
            text = "\n".join(bundle["text/plain"] for bundle in bundles if len(bundle) == 1)
            rich = [bundle for bundle in bundles if len(bundle) > 1]
            return [page_bundle(structured, text or _pretty(structured)), *rich]
        if not text_of(self.raw.content):
            return [{"text/plain": _pretty(structured)}, *bundles]
        return bundles


class ReadResult(Shown):
    """The contents of a resource.

    Attributes
    ----------
    raw : ReadResourceResult
        As it was sent.
    """

    def __init__(self, result: ReadResourceResult) -> None:
        self.raw = result

    @property
    def contents(self) -> list[TextResourceContents | BlobResourceContents]:
        """The parts of the resource."""
        return list(self.raw.contents)

    @property
    def text(self) -> str:
        """All texts, one below the other, as they were sent."""
        return "\n".join(text_of(self.raw.contents))

    @property
    def data(self) -> Any:
        """The text, parsed if it is a JSON object or array; without any text, the bytes."""
        texts = text_of(self.raw.contents)
        return _data(texts) if texts or not self.raw.contents else self.bytes

    @property
    def bytes(self) -> bytes:
        """All parts as bytes; text in UTF-8.

        Raises
        ------
        ValueError
            A part is not base64.
        """
        return b"".join(_bytes(part) for part in self.raw.contents)

    def df(self, key: str | None = None) -> Any:
        """The resource as a pandas data frame, from CSV or JSON (see `CallResult.df`)."""
        text = _csv(self.raw.contents) if key is None else None
        return frame_of(self.data, None, key) if text is None else frame_of_csv(text)

    def markdown(self) -> Markdown:
        """The text, to be displayed as Markdown."""
        return Markdown(self.text)

    def _bundles(self) -> list[Bundle]:
        return bundles_of(self.raw.contents) or [{"text/plain": "(an empty resource)"}]


class PromptResult(Shown):
    """A prompt, filled in.

    Attributes
    ----------
    raw : GetPromptResult
        As it was sent.
    """

    def __init__(self, result: GetPromptResult) -> None:
        self.raw = result

    @property
    def messages(self) -> list[PromptMessage]:
        """The messages, each with its role."""
        return list(self.raw.messages)

    @property
    def text(self) -> str:
        """The texts of all messages, one below the other, as they were sent."""
        return "\n".join(text_of(message.content for message in self.raw.messages))

    def markdown(self) -> Markdown:
        """The text, to be displayed as Markdown."""
        return Markdown(self.text)

    def _bundles(self) -> list[Bundle]:
        bundles: list[Bundle] = []
        for message in self.raw.messages:
            (bundle,) = bundles_of([message.content])
            bundles.append({**bundle, "text/plain": f"{message.role}: {bundle['text/plain']}"})
        return joined(bundles) or [{"text/plain": "(an empty prompt)"}]


class ToolError(errors.ToolError):
    """A tool reported an error. The message is the tool's text.

    Raised in a tool of the notebook's own, it reaches the caller as any `mcp_jupyter.errors.ToolError` does.

    Parameters
    ----------
    result : CallResult
    name : str, optional
        The tool's name, for a result without a definition.
    server : str, optional
        The server's name in the notebook.
    """

    def __init__(self, result: CallResult, *, name: str = "", server: str = "") -> None:
        text = safe_block(result.text.strip(), MAX_PAGE_CHARS)
        super().__init__(text or "The tool failed without a message.")
        self.result = result
        self.name = result.tool.name if result.tool else name
        self.server = server

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: this package's stack does not explain an error at the server."""
        who = ".".join(safe_line(each) for each in (self.server, self.name) if each)
        lines = [f"ToolError: {who} failed" if who else "ToolError", *str(self).split("\n")]
        if self.result.tool is not None and _ABOUT_ARGUMENTS.search(str(self)):
            signature = str(signature_of(self.result.tool)).replace("(*, ", "(", 1)
            lines += ["", f"It is called as {safe_line(self.result.tool.name)}{signature}"]
        return short_traceback(self, lines)


_ABOUT_ARGUMENTS: Final = re.compile(
    r"argument|parameter|validation|invalid|required|missing|expected|schema", re.IGNORECASE
)


def _is_wrapped(sent: object, tool: Tool | None) -> bool:
    """Return whether an object only wraps a value, as the first MCP SDK does for structured content."""
    schema = (tool.outputSchema if tool else None) or {}
    properties = schema.get("properties")
    return (
        isinstance(sent, Mapping)
        and isinstance(properties, Mapping)
        and list(sent) == list(properties) == schema.get("required") == ["result"]
    )


def _data(texts: Sequence[str]) -> Any:
    text = "\n".join(texts)
    if len(texts) == 1 and text.lstrip()[:1] in ("{", "[") and not has_too_many_containers(text):
        try:
            return from_json(text, allow_inf_nan=False)
        except ValueError:
            return text
    return text if texts else None


def _csv(contents: Iterable[Any]) -> str | None:
    """Return the text of the first CSV part."""
    for part in contents:
        if isinstance(part, TextResourceContents) and (part.mimeType or "").partition(";")[0].strip() in _CSV:
            return part.text
    return None


def _bytes(part: TextResourceContents | BlobResourceContents) -> bytes:
    if isinstance(part, TextResourceContents):
        return part.text.encode("utf-8", "surrogatepass")
    raw = decoded(part.blob)
    if raw is None:
        raise ValueError(f"{safe_line(part.uri)} came as bytes that are not base64.")
    return raw


def _bytes_of_block(block: Any) -> bytes:
    if isinstance(block, EmbeddedResource):
        return _bytes(block.resource)
    if not isinstance(block, ImageContent | AudioContent):
        return b""
    raw = decoded(block.data)
    if raw is None:
        raise ValueError(f"{safe_line(block.mimeType)} came as bytes that are not base64.")
    return raw


def _pretty(value: Any) -> str:
    structured: Mapping[str, Any] | Any = value
    return safe_block(to_json(structured, indent=2, inf_nan_mode="constants").decode("utf-8"))
