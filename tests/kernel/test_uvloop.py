# SPDX-License-Identifier: BSD-3-Clause
"""A notebook in whose kernel uvloop makes the event loops, from a cell on or from its start (1.24)."""

from __future__ import annotations

import sys

import anyio
import pytest

from .live import live_kernel
from .test_magics import text_of, tool

pytest.importorskip("uvloop", reason="uvloop does not exist for Windows")
pytestmark = pytest.mark.anyio

# As `uvloop.install` does. Policies are deprecated from Python 3.14 on.
INSTALL = """
import asyncio, warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
"""

LOOP = "import asyncio; print(type(asyncio.get_running_loop()).__module__)"


@pytest.fixture(params=["in a cell", "when the kernel starts"])
def kernel(request, jupyter_dirs, tmp_path):
    environ = dict(jupyter_dirs.environ)
    if request.param == "when the kernel starts":
        (tmp_path / "sitecustomize.py").write_text(INSTALL)
        environ["PYTHONPATH"] = str(tmp_path)
    with live_kernel(jupyter_dirs.runtime, environ, "work/analysis.ipynb") as kernel:
        if request.param == "in a cell":
            assert not kernel.run(INSTALL).error
        else:
            assert kernel.run(LOOP).printed == "uvloop\n"
        assert not kernel.run("%load_ext mcp_jupyter").error
        yield kernel


async def test_it_serves_over_the_link_and_over_http(kernel, jupyter_dirs):
    kernel.run(tool("import asyncio\ndef plain(x: int) -> int: return x + 1"))
    kernel.run(tool("async def waits() -> str:\n    await asyncio.sleep(0)\n    return 'waited'"))
    kernel.run(tool("def works() -> str: return 'in a thread'", "--concurrent"))
    async with kernel.connect() as client:
        assert await text_of(client, "plain", {"x": 1}) == ("2", False)
        assert await text_of(client, "waits") == ("waited", False)
        assert await text_of(client, "works") == ("in a thread", False)
        await kernel.arun(tool("def later(): pass"))
        with anyio.fail_after(30):
            await client.hear("notifications/tools/list_changed")
    ran = kernel.run("%mcp_serve --http")
    assert not ran.error
    (address,) = jupyter_dirs.runtime.glob("mcp-*.http")
    assert not kernel.run("%unload_ext mcp_jupyter").error
    assert not address.exists()
    assert list(jupyter_dirs.runtime.glob("mcp-*")) == []


def test_it_calls_other_servers(kernel):
    assert not kernel.run(f"%mcp_connect weather {sys.executable} -m tests.notebook_client.servers").error
    assert "Paris: sunny" in kernel.run("print(weather.tools.forecast(city='Paris').text)").printed
    ran = kernel.run("%mcp_connect other no-such-program")
    assert "no-such-program cannot be started" in ran.error
