"""An MCP server with a budget: each tool call is charged, and a refusal is a JSON-RPC error with the call's id.

Run it with ``python examples/host_mcp.py`` or ``uvicorn --app-dir examples host_mcp:app``.
"""

import os
from datetime import timedelta

import uvicorn
from mcp.server.mcpserver import MCPServer

from ratelimit import Budget, Policy, RateLimitMiddleware

server = MCPServer("louder")


@server.tool()
def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),))
app = server.streamable_http_app(json_response=True, stateless_http=True)
app.add_middleware(RateLimitMiddleware, policy=policy)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
