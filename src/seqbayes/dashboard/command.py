"""``seqbayes serve``: show beliefs on a page, with an API."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from seqbayes.console.log import Log, add_format
from seqbayes.console.options import TOKEN, add_server
from seqbayes.console.service import Service
from seqbayes.console.signals import interruptible
from seqbayes.console.status import FAILED, STORE_IN_USE, USAGE_ERROR
from seqbayes.errors import SeqbayesError
from seqbayes.extras import missing_extra
from seqbayes.stream.progress import Progress
from seqbayes.stream.stores import LeaseError
from seqbayes.stream.verbs.shared import fail, load_or_report

if TYPE_CHECKING:
    from seqbayes.dashboard.live.providers import Provider
    from seqbayes.dashboard.server.access import Access
    from seqbayes.dashboard.server.app import Site
    from seqbayes.dashboard.server.listener import Served

Opened = TypeVar("Opened", bound="Provider")

SWITCH = 0.0005
"""Thread switch interval in seconds; short, because the hub yields after every client."""

EXAMPLES = """\
examples:
  seqbayes serve seqbayes.toml --open      run a pipeline and show it
  seqbayes serve beliefs.db                show the store of another process
  seqbayes serve seqbayes.toml --host 0.0.0.0 --token "$(cat token)"

Reading needs no token on this machine. Writing, and any access from another machine, needs a token,
sent as Authorization: Bearer TOKEN or entered at /login. Without --token it is taken from the
environment variable SEQBAYES_TOKEN, or generated and printed.

exit status: like seqbayes run: 2 for errors in the configuration, 3 if another process is using the
store, 4 if the store or the source cannot be opened; 130 after Ctrl-C, 143 after SIGTERM (events
that were read are committed first)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "what", metavar="CONFIG_OR_STORE", help="a TOML file; or a store (a file or postgresql://…)"
    )
    add_server(parser)
    add_format(parser)


def command(args: argparse.Namespace) -> int:
    """Serve until a signal arrives, and return the exit status.

    Raises
    ------
    SeqbayesError
        If an option is invalid, or the extra is not installed.
    """
    needed()
    from seqbayes.dashboard.live.feed import StateFeed
    from seqbayes.dashboard.live.providers import PipelineProvider, PipelineThread, StoreProvider

    log = Log(args.log_format, "serve")
    if not is_config(args.what):
        return show(args, log, lambda: StoreProvider(args.what))
    config = load_or_report(args.what)
    if config is None:
        return USAGE_ERROR
    feed = StateFeed()
    runner = PipelineThread(config, feed, (Progress(log),), log.event)

    def begin() -> Provider:
        runner.start()
        return PipelineProvider(config, runner, feed)

    return show(args, log, begin)


def serve_story(args: argparse.Namespace, words: dict[str, Any]) -> int:
    """Serve the page of a story until a signal arrives, and return the exit status.

    Parameters
    ----------
    args
        Options of the story and of `add_server`.
    words
        Initial options of the page.
    """
    needed()
    from seqbayes.dashboard.live.providers import Provider

    page = f"replay/{args.story}?{urlencode(words)}"
    return show(args, Log("text", "replay"), Provider, page)


def is_config(what: str) -> bool:
    """Whether an argument names a configuration rather than a store.

    Examples
    --------
    >>> is_config("seqbayes.toml"), is_config("beliefs.db"), is_config("postgresql://host/db")
    (True, False, False)
    """
    return Path(what).suffix.lower() == ".toml" and "://" not in what


def needed() -> None:
    """Check that the extra is installed.

    Raises
    ------
    SeqbayesError If the extra is not installed.
    """
    try:
        import httptools  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise missing_extra("the dashboard", str(error.name), "dashboard") from None


def show(args: argparse.Namespace, log: Log, begin: Callable[[], Provider], page: str = "") -> int:
    """Serve the page of a source of beliefs until a signal arrives, and return the exit status.

    Parameters
    ----------
    args
        The options of `add_server`.
    log
        The log of the command.
    begin
        Function that returns the source of the beliefs.
    page
        The path of the page to open.
    """
    from seqbayes.dashboard.server.app import Site

    if any(c in ";,\r\n" for c in args.frame_ancestors):
        raise SeqbayesError(
            f"expected sources such as https://example.org, got {args.frame_ancestors!r}"
        )

    def build(provider: Provider, access: Access) -> Site:
        return Site(provider, access, args.frame_ancestors, log.event)

    return serve_until_signal(args, log, begin, build, page, args.open)


def serve_until_signal(
    args: argparse.Namespace,
    log: Log,
    begin: Callable[[], Opened],
    build: Callable[[Opened, Access], Served],
    page: str = "",
    browse: bool = False,
) -> int:
    """Serve the beliefs of a source until a signal arrives, and return the exit status.

    Parameters
    ----------
    args
        The options of `add_address`.
    log
        The log of the command.
    begin
        Function that returns the source of the beliefs.
    build
        Function that returns the application.
    page
        The path to announce.
    browse
        Whether to open it in a browser.

    Raises
    ------
    SeqbayesError
        If the token is too short.
    """
    from seqbayes.dashboard.server.listener import listen, serve, url_of

    access = _access(args)
    service = Service(log.event)
    with interruptible() as interruption, listen(args.host, args.port) as listening:
        try:
            provider = begin()
        except LeaseError as error:
            return fail(log, error, STORE_IN_USE)
        except (SeqbayesError, OSError) as error:
            return fail(log, error, FAILED)
        url = url_of(listening) + page
        logging.getLogger("uvicorn").addHandler(_LogHandler(log))
        sys.setswitchinterval(SWITCH)

        def ready() -> None:
            _announce(log, url, access)
            if browse and not interruption:
                webbrowser.open(url)
            sys.stderr.flush()

        try:
            serve(build(provider, access), listening, interruption, ready, service)
        finally:
            service.stopping()
            provider.close()
        log.event("stopped", "the server has stopped", signal=interruption.signal)
        return interruption.status


def _access(args: argparse.Namespace) -> Access:
    from seqbayes.dashboard.server.access import MIN_TOKEN_LENGTH, Access

    token = args.token if args.token is not None else os.environ.get(TOKEN)
    if token is not None and len(token) < MIN_TOKEN_LENGTH:
        raise SeqbayesError(
            f"expected a token of at least {MIN_TOKEN_LENGTH} characters; without --token, a token"
            " is generated"
        )
    return Access(token, args.host, args.allow_host)


class _LogHandler(logging.Handler):
    """Forwards warnings of the HTTP server to the log of the command."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, unless it reports a client that was dropped during a stream."""
        if "without completing response" not in record.getMessage():
            self._log.event("http", self.format(record), record.levelname.lower())


def _announce(log: Log, url: str, access: Access) -> None:
    log.event("started", f"{url}", url=url)
    if access.generated:
        log.event("token", f"the token is {access.token}", token=access.token)
