# SPDX-License-Identifier: BSD-3-Clause
"""A tool: a function, what is said of it, and how a call of it becomes a result."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ... import types
from ..._util.text import shorten
from ...errors import McpJupyterError, ToolError
from ...protocol.headers import HeaderError, param_headers
from ...protocol.limits import MAX_PROBLEMS
from ..content import Content, ContentTable, readable
from ..runner import Invocation, converted, is_async
from .context import Context
from .outputs import Output
from .results import Draft
from .signatures import Signature

__all__ = ["Tool", "check_name", "explain"]

TaskSupport = bool | Literal["required"]

_NAME: Final = re.compile(r"[A-Za-z0-9_.\-/]{1,128}")

_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
"""Anthropic's API refuses a whole conversation for another name of a property in a tool's input schema, and
with it every host that uses that API."""

MAX_NAME_CHARS: Final = 64
"""Of a name: as many as hosts take."""


def check_name(name: str | None) -> str:
    """A name that every host takes (spec 2025-11-25, server/tools, "Tool names").

    Raises
    ------
    ValueError
        Saying which characters are allowed.
    """
    if name is None:
        raise ValueError("A lambda has no name: pass name=...")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name that every host takes: pass name=..., 1 to 128 of A-Z a-z 0-9 _ - . /"
        )
    return name


def check_argument_names(tool: str, signature: Signature) -> None:
    """See that every host takes the names of a tool's arguments.

    Raises
    ------
    ValueError
        Naming the parameter, and saying how to give it another name for callers.
    """
    parameters = {alias: name for name, alias in signature.aliases.items()}
    for number, alias in enumerate(signature.schema["properties"], 1):
        if not _ARGUMENT.fullmatch(alias):
            shown = shorten(alias, MAX_NAME_CHARS)
            letters = unicodedata.normalize("NFKD", alias).encode("ascii", "ignore").decode("ascii")
            ascii_name = re.sub(r"\W+", "_", letters).strip("_")[:MAX_NAME_CHARS] or f"argument_{number}"
            raise ValueError(
                f"{tool}: hosts refuse the argument name {shown!r}: they take 1 to 64 of A-Z a-z 0-9 _ - . "
                f"The parameter may keep its name in Python and have another for callers: "
                f'{parameters.get(alias, alias)}: Annotated[..., Field(alias="{ascii_name}")], with Field '
                "from pydantic."
            )


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a client can call.

    Attributes
    ----------
    definition : types.Tool
        Built once.
    task : bool or "required"
        Whether a call becomes a task where the client takes tasks, or is refused where it does not.
    headers : mapping
        The arguments that a client repeats in headers (`x-mcp-header`).
    concurrent, timeout
        See `Invocation`.
    executor : Executor, str or None
        Where its function runs (see `ExecutorCall`).
    """

    definition: types.Tool
    function: Callable[..., Any]
    signature: Signature
    output: Output | None
    concurrent: bool = False
    timeout: float | None = None
    task: TaskSupport = False
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    executor: Any = None

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.definition.name

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: types.ToolAnnotations | None = None,
        icons: list[types.Icon] | None = None,
        meta: dict[str, Any] | None = None,
        structured_output: bool | None = None,
        concurrent: bool = False,
        timeout: float | None = None,
        task: TaskSupport = False,
        executor: Any = None,
    ) -> Tool:
        """A tool made of `function`; what is not given follows from its name, docstring and hints.

        Raises
        ------
        ValueError
            When the name or a parameter cannot be used, or a client would drop the tool for what its
            `x-mcp-header` say; the message says what to do.
        """
        signature = Signature(function, Context)
        name = check_name(name or signature.name)
        check_argument_names(name, signature)
        output = None if structured_output is False else Output.of(signature.returns)
        if structured_output and output is None:
            raise ValueError(f"{name}: structured output needs a return annotation that has a JSON Schema.")
        if executor is not None:
            from ..executors import check  # not for those who have none: it brings multiprocessing

            try:
                check(executor, function)
            except ValueError as exc:
                raise ValueError(f"{name}: {exc}.") from None
        definition = types.Tool(
            name=name,
            title=title,
            description=description if description is not None else signature.doc.description or None,
            inputSchema=signature.schema,
            outputSchema=output.schema if output else None,
            annotations=annotations,
            icons=icons,
            meta=meta,
        )
        try:
            headers = param_headers(signature.schema)
        except HeaderError as exc:
            raise ValueError(f"{name}: clients would drop this tool: {exc}.") from None
        return cls(definition, function, signature, output, concurrent, timeout, task, headers, executor)

    def invocation(
        self,
        arguments: Mapping[str, Any],
        context: Context,
        table: ContentTable,
        *,
        page_chars: int,
        failed_after: Callable[[str], None],
    ) -> Invocation:
        """The call, its arguments checked; its value is the `Draft` of its result.

        Parameters
        ----------
        page_chars : int
            Characters of the page of a data frame.
        failed_after : callable
            See `Invocation`.

        Raises
        ------
        ToolError
            When the arguments do not fit.
        """
        if self.task and not context.as_task() and self.task == "required":
            context.request_context.require_tasks()
        bound = self._bound(arguments, context)
        request = context.request_context
        request.arguments = self.signature.schema["properties"]
        function, concurrent, timeout = self.function, self.concurrent, self.timeout
        if self.executor is not None:
            from ..executors import ExecutorCall

            # It sees to its time itself: only it knows what goes on in the executor.
            injected = self.signature.injected
            function = ExecutorCall(self.name, function, self.executor, injected=injected, timeout=timeout)
            concurrent, timeout = True, None
        if self.signature.names_classes:  # which may be defined anew while the call waits for its turn
            function = _given(function, lambda: self._bound(arguments, context))
        function = converted(
            function,
            lambda value: self._draft(self._checked(value), table, page_chars),
            concurrent=concurrent,
        )
        return Invocation(
            self.name,
            function,
            bound,
            concurrent,
            timeout,
            sender=request.sender,
            failed_after=failed_after,
            report=request.waiting,
            running=request.running,
            log=lambda level, text: request.log(level, text, self.name),
        )

    def _checked(self, value: Any) -> Any:
        """A value; a result that the function made by itself keeps what its annotation promised."""
        if self.output is not None and isinstance(value, types.CallToolResult):
            self.output.check(value)
        return value

    def renewed(self) -> Tool:
        """The tool itself; a new one when its function, or a class in its annotations, was defined anew.

        Raises
        ------
        ValueError
            When it cannot be served as it is now.
        """
        signature = self.signature.current()
        if signature is self.signature:
            return self
        check_argument_names(self.name, signature)
        output = Output.of(signature.returns) if self.output else None
        changed = {"inputSchema": signature.schema, "outputSchema": output.schema if output else None}
        definition = self.definition.model_copy(update=changed)
        return replace(
            self,
            definition=definition,
            signature=signature,
            output=output,
            headers=param_headers(signature.schema),
        )

    def _now(self) -> Tool:
        try:
            return self.renewed()
        except ValueError as exc:
            raise ToolError(
                f"A class that {self.name} takes or returns was defined anew, and does not fit: {exc}"
            ) from None

    def _bound(self, arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
        signature = self._now().signature
        bound = signature.bind(arguments)
        if signature.injected is not None:
            bound[signature.injected] = context
        return bound

    def _draft(self, value: Any, table: ContentTable, page_chars: int) -> Draft:
        promised = self.output is not None
        if isinstance(value, types.CallToolResult):
            own = value.model_copy(update={"content": [*value.content]})  # the value stays the function's own
            return Draft(own, promised=promised)
        output = self._now().output if self.signature.names_classes else self.output
        if output is None:
            content = table.convert(value, None, page_chars)
            return Draft(_result(content, content.structured), content.pages)
        written = output.written(value)
        # A NaN is null as JSON; its text says what it is.
        promise = None if written is None or written.value is None else written
        content = table.convert(value, promise, page_chars)
        if written is None:
            return Draft(_result(content, content.structured), content.pages, promised, is_ours=True)
        result = _result(content, {"result": written} if output.wrapped else written)
        return Draft(result, content.pages, promised, output.is_text, output.is_ours, len(written.text))


def _result(content: Content, structured: Any) -> types.CallToolResult:
    result = types.CallToolResult(content=content.blocks)
    if structured is not None:  # set to None it would be sent as null
        result.structuredContent = structured
    return result


def _given(function: Callable[..., Any], arguments: Callable[[], Mapping[str, Any]]) -> Callable[..., Any]:
    """`function`, with the arguments that there are when it runs."""
    if is_async(function):

        async def run_async(**_: Any) -> Any:
            return await function(**arguments())

        return run_async
    return lambda **_: function(**arguments())


def explain(name: str, error: BaseException) -> str:
    """What went wrong in a user's function, in words that an assistant can act on."""
    return str(error) if isinstance(error, McpJupyterError) else f"Error in {name}: {_shown(error)}"


def _shown(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        # Its own message says only how many there are.
        shown = [_shown(inner) for inner in error.exceptions[:MAX_PROBLEMS]]
        return "; ".join(shown + ["..."] * (len(error.exceptions) > MAX_PROBLEMS))
    kind, text = type(error).__name__, readable(error)
    return f"{kind}: {text}" if text else kind
