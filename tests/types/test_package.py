# SPDX-License-Identifier: BSD-3-Clause
"""The folder as a whole: its public names, what importing it costs, and use from several threads."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

from mcp_jupyter import types


def test_every_public_name_of_every_file_is_found_in_the_package() -> None:
    names = [
        name
        for module in pkgutil.iter_modules(types.__path__, "mcp_jupyter.types.")
        for name in importlib.import_module(module.name).__all__
    ]
    assert sorted(types.__all__) == sorted(names)
    assert len(names) == len(set(names))
    assert all(hasattr(types, name) for name in names)


def test_no_public_name_hides_a_file() -> None:
    assert not {module.name for module in pkgutil.iter_modules(types.__path__)} & set(types.__all__)


def _run(program: str) -> str:
    """Run in a fresh interpreter, where nothing has been built yet."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_builds_no_schema_and_loads_nothing_heavy() -> None:
    program = """
import sys
from mcp_jupyter import types
values = [getattr(types, name) for name in types.__all__]
models = [value for value in values if isinstance(value, type) and issubclass(value, types.WireModel)]
print(len(models) > 100, [model.__name__ for model in models if model.__pydantic_complete__])
print(sorted({"anyio", "httpx2", "IPython", "jsonschema", "tornado", "asyncio"} & sys.modules.keys()))
"""
    assert _run(program).splitlines() == ["True []", "[]"]


def test_models_may_be_used_for_the_first_time_by_several_threads_at_once() -> None:
    """Schemas are built at first use, by the engine's thread or by the kernel's main thread."""
    program = """
import threading
from pydantic_core import to_json
from mcp_jupyter import types
start, failures = threading.Barrier(8), []
def use(number):
    start.wait(30)
    try:
        for _ in range(3):
            types.CallToolResult.from_wire({"content": [{"type": "text", "text": "x"}]})
            message = {"role": "user", "content": {"type": "text", "text": "x"}}
            params = {"messages": [message], "maxTokens": number}
            question = {"method": "sampling/createMessage", "params": params}
            to_json(types.InputRequiredResult.from_wire({"inputRequests": {"q": question}}))
            to_json(types.Tool.model_construct(name="t", inputSchema={}))
    except BaseException as error:
        failures.append(repr(error))
threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(30)
print(failures)
"""
    assert _run(program) == "[]"
