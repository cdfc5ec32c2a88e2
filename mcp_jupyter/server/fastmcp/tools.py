# SPDX-License-Identifier: BSD-3-Clause
"""Tools: a function, its definition, and the conversion of its value to a result."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ... import types
from ..._util.names import MAX_NAME_CHARS, plain_name
from ..._util.text import shorten
from ...errors import McpJupyterError, ToolError
from ...protocol.headers import HeaderError, param_headers
from ...protocol.limits import MAX_PROBLEMS
from ..content import Content, ContentTable, readable
from ..oversight import Ask, Record
from ..runner import Invocation, converted, is_async
from .context import Context
from .outputs import Output
from .results import Draft
from .signatures import Signature, signature_of

__all__ = ["Tool", "check_name", "explain"]

TaskSupport = bool | Literal["required"]

_NAME: Final = re.compile(r"[A-Za-z0-9_.\-/]{1,128}")

_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
"""Allowed names of arguments. Anthropic's API, and so every host that uses it, refuses a whole conversation
if one tool's input schema has a property with another name."""


def check_name(name: str | None) -> str:
    """Return `name` if every host accepts it (spec 2025-11-25, server/tools, "Tool names").

    Raises
    ------
    ValueError
        It is None or has other characters; the message says which are allowed.
    """
    if name is None:
        raise ValueError("A lambda has no name: pass name=...")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name that every host takes, which is 1 to 128 of A-Z a-z 0-9 _ - . / "
            f"Choose another, such as {plain_name(name).strip('_') or 'my_tool'!r}."
        )
    return name


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters."""
    return list(signature_of(function).parameters)


def check_argument_names(tool: str, signature: Signature) -> None:
    """Check that every host accepts the names of a tool's arguments.

    Raises
    ------
    ValueError
        The message names the parameter, and says how to give it another name for callers.
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
        The entry of `tools/list`; built once.
    function : callable
        The user's function.
    signature : Signature
        The function's parameters.
    output : Output or None
        The structured output that the return annotation promises.
    concurrent, timeout
        See `Invocation`.
    task : bool or "required"
        True: a call becomes a task if the client takes tasks. "required": refuse other clients.
    headers : mapping
        The arguments that a client repeats in headers (`x-mcp-header`).
    executor : Executor, str or None
        Where the function runs, if not in the runner (see `ExecutorCall`).
    ask : "never", "once", "always" or None
        When the user is asked before the tool runs, where the server has an approver (see `asks_by`).
    preview : callable or None
        Takes the tool's arguments, and returns what the question to the user shows: what a call would do. It
        must change nothing.
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
    ask: Ask | None = None
    preview: Callable[..., Any] | None = None

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
        ask: Ask | None = None,
        preview: Callable[..., Any] | None = None,
    ) -> Tool:
        """Make a tool of `function`; other arguments default to its name, docstring and annotations.

        Raises
        ------
        ValueError
            The name, a parameter or the executor cannot be used, or clients would drop the tool because of
            its `x-mcp-header` annotations; the message says what to do.
        """
        signature = Signature(function, Context)
        name = check_name(name or signature.name)
        check_argument_names(name, signature)
        output = None if structured_output is False else Output.of(signature.returns)
        if structured_output and output is None:
            raise ValueError(f"{name}: structured output needs a return annotation that has a JSON Schema.")
        if executor is not None:
            from ..executors import check  # imported here, because it imports multiprocessing

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
        if preview is not None and (unknown := set(parameters_of(preview)) - set(parameters_of(function))):
            raise ValueError(
                f"{name}: its preview takes {sorted(unknown)[0]!r}, which is not a parameter of the tool. A "
                "preview may take any of the tool's parameters, by name."
            )
        return cls(
            definition,
            function,
            signature,
            output,
            concurrent,
            timeout,
            task,
            headers,
            executor,
            ask,
            preview,
        )

    def invocation(
        self,
        arguments: Mapping[str, Any],
        context: Context,
        table: ContentTable,
        *,
        page_chars: int,
        failed_after: Callable[[str], None],
        record: Record,
    ) -> Invocation:
        """Check the arguments, and return the call; its value is the `Draft` of its result.

        Parameters
        ----------
        page_chars : int
            Characters of a page of a data frame.
        failed_after, record
            See `Invocation`.

        Raises
        ------
        ToolError
            The arguments do not fit.
        MissingCapability
            The tool requires tasks, and the client does not take them.
        """
        if self.task and not context.as_task() and self.task == "required":
            context.request_context.require_tasks()
        bound = self._bound(arguments, context)
        request = context.request_context
        request.arguments = self.signature.schema["properties"]
        function, concurrent, timeout = self.function, self.concurrent, self.timeout
        if self.executor is not None:
            from ..executors import ExecutorCall

            # `ExecutorCall` applies the time limit itself: only it can stop what runs in the executor.
            injected = self.signature.injected
            function = ExecutorCall(self.name, function, self.executor, injected=injected, timeout=timeout)
            concurrent, timeout = True, None
        if self.signature.names_classes:  # they may be redefined while the call waits for its turn
            function = _given(function, lambda: self._bound(arguments, context))
        # Convert on the function's own thread: figures and some other values are bound to it.
        function = converted(
            function,
            lambda value: self.draft(value, table, page_chars),
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
            record=record,
            report=request.waiting,
            running=request.running,
            log=lambda level, text: request.log(level, text, self.name),
        )

    def renewed(self) -> Tool:
        """Return this tool, or a new one if its function or a class in its annotations was redefined.

        Raises
        ------
        ValueError
            The new signature cannot be served.
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

    def draft(self, value: Any, table: ContentTable, page_chars: int) -> Draft:
        """Return the result of a call whose function returned `value`, before it is fitted to the host.

        Raises
        ------
        ToolError
            The value does not fit the return annotation.
        """
        promised = self.output is not None
        if isinstance(value, types.CallToolResult):
            if self.output is not None:
                self.output.check(value)
            # A copy: the function may keep its object, and `Presenter` changes the draft's.
            own = value.model_copy(update={"content": [*value.content]})
            return Draft(own, promised=promised)
        output = self._now().output if self.signature.names_classes else self.output
        if output is None:
            content = table.convert(value, None, page_chars)
            return Draft(_result(content, content.structured), content.pages)
        written = output.written(value)
        # A NaN has the JSON form null; without a promise, its text is made of the value itself.
        promise = None if written is None or written.value is None else written
        content = table.convert(value, promise, page_chars)
        if written is None:
            return Draft(_result(content, content.structured), content.pages, promised, is_ours=True)
        result = _result(content, {"result": written} if output.wrapped else written)
        return Draft(result, content.pages, promised, output.is_text, output.is_ours, len(written.text))


def _result(content: Content, structured: Any) -> types.CallToolResult:
    result = types.CallToolResult(content=content.blocks)
    if structured is not None:  # a field that was set to None would be sent as null
        result.structuredContent = structured
    return result


def _given(function: Callable[..., Any], arguments: Callable[[], Mapping[str, Any]]) -> Callable[..., Any]:
    """Wrap `function` so that `arguments` is called for its arguments when it runs."""
    if is_async(function):

        async def run_async(**_: Any) -> Any:
            return await function(**arguments())

        return run_async
    return lambda **_: function(**arguments())


def explain(name: str, error: BaseException) -> str:
    """Describe an exception of a user's function so that an assistant can act on it."""
    return str(error) if isinstance(error, McpJupyterError) else f"Error in {name}: {_shown(error)}"


def _shown(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        # The group's own message only says how many exceptions it has.
        shown = [_shown(inner) for inner in error.exceptions[:MAX_PROBLEMS]]
        return "; ".join(shown + ["..."] * (len(error.exceptions) > MAX_PROBLEMS))
    kind, text = type(error).__name__, readable(error)
    return f"{kind}: {text}" if text else kind
