# SPDX-License-Identifier: BSD-3-Clause
"""What a client of the README meets: a prompt, a resource, and a tool that asks the client's model."""

from mcp_jupyter import types
from mcp_jupyter.server.fastmcp import Context, FastMCP

mcp = FastMCP("Everything")


@mcp.prompt()
def a_prompt(arg: str) -> str:
    return f"Consider {arg}"


@mcp.resource("file://some/path")
def a_file() -> str:
    return "what is in it"


@mcp.tool()
async def a_tool(arg: str, ctx: Context) -> str:
    question = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=arg))
    answer = await ctx.session.create_message([question], max_tokens=10)
    return f"the model says: {answer.content.text}"


if __name__ == "__main__":
    mcp.run()
