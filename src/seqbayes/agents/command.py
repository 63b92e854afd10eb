"""``seqbayes mcp``: let AI agents read the beliefs of a store."""

from __future__ import annotations

import argparse

from seqbayes.console.log import Log, add_format
from seqbayes.console.options import add_address
from seqbayes.extras import missing_extra
from seqbayes.stream.verbs.shared import add_store, run_reporting_errors

EXAMPLES = """\
examples:
  seqbayes mcp beliefs.db                           for an agent on this machine (stdio)
  seqbayes mcp beliefs.db --http --port 8766        for agents that send HTTP requests to /mcp

The configuration of an agent that starts the server:
  {"mcpServers": {"seqbayes": {"command": "seqbayes", "args": ["mcp", "/path/to/beliefs.db"]}}}

The server reads the store and never writes to it; another process may update it meanwhile. Over
HTTP every call needs the token, sent as Authorization: Bearer TOKEN. Without --token it is taken
from the environment variable SEQBAYES_TOKEN, as in seqbayes serve, or generated and printed.

exit status: 0 when the agent closes the connection; 2 for a usage error; 4 if the store cannot be
opened; 130 after Ctrl-C, 143 after SIGTERM
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument(
        "--http", action="store_true", help="serve HTTP instead of standard input and output"
    )
    add_address(parser, "token required for every call over HTTP")
    add_format(parser)


def command(args: argparse.Namespace) -> int:
    """Serve until the agent closes the connection or a signal arrives; return the exit status.

    Raises
    ------
    SeqbayesError
        If an option is invalid, or the extra is not installed.
    """
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise missing_extra("seqbayes mcp", str(error.name), "mcp") from None
    log = Log(args.log_format, "mcp")
    return _serve_http(args, log) if args.http else run_reporting_errors(log, lambda: _serve(args))


def _serve(args: argparse.Namespace) -> int:
    """Answer messages on standard input until it ends."""
    from seqbayes.agents.server import make_server
    from seqbayes.agents.tools import Tools
    from seqbayes.dashboard.live.providers import StoreProvider

    provider = StoreProvider(args.store)
    try:
        make_server(Tools(provider)).run("stdio")
    finally:
        provider.close()
    return 0


def _serve_http(args: argparse.Namespace, log: Log) -> int:
    from seqbayes.agents.server import PATH, AgentSite, make_server
    from seqbayes.agents.tools import Tools
    from seqbayes.dashboard.command import serve_until_signal
    from seqbayes.dashboard.live.providers import StoreProvider
    from seqbayes.dashboard.server.access import Access

    def build(provider: StoreProvider, access: Access) -> AgentSite:
        return AgentSite(make_server(Tools(provider)), access, log.event)

    return serve_until_signal(args, log, lambda: StoreProvider(args.store), build, PATH)
