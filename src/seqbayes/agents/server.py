"""The MCP server, and the application that serves it over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations

import seqbayes
from seqbayes.agents.tools import Tools
from seqbayes.dashboard.server.access import Access
from seqbayes.dashboard.server.guard import Guard

PATH = "mcp"
"""The path of the server's URL."""

INSTRUCTIONS = """\
Read Bayesian beliefs that seqbayes learns from a stream of events. Start with list_beliefs. Report
credible intervals with every estimate, and quote the verdict of compare instead of judging the
numbers yourself. All tools are read-only.
"""

READ_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


def make_server(tools: Tools) -> MCPServer:
    """Return a server with the given tools.

    Parameters
    ----------
    tools
        The tools.
    """
    server: MCPServer = MCPServer(
        "seqbayes",
        instructions=INSTRUCTIONS,
        version=seqbayes.__version__,
        log_level="WARNING",
    )
    for tool in tools.all():
        server.add_tool(tool, annotations=READ_ONLY)
    return server


class AgentSite:
    """The server as an HTTP application, behind the access rules of the dashboard.

    Parameters
    ----------
    server
        The server.
    access
        The access rules.
    log
        Called with the name of an event, its text and its level.

    Attributes
    ----------
    app
        The ASGI application.
    """

    def __init__(
        self, server: MCPServer, access: Access, log: Callable[[str, str, str], None]
    ) -> None:
        # stateless JSON responses leave no stream open; the guard already checks hosts and origins
        inner = server.streamable_http_app(
            streamable_http_path=f"/{PATH}",
            json_response=True,
            stateless_http=True,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self.app = Guard(inner, access, log=log)

    def close_clients(self) -> None:
        """Do nothing: requests are short."""
