"""How the verbs on streams and stores end."""

from __future__ import annotations

from collections.abc import Callable

from seqbayes.console.log import Log
from seqbayes.errors import SeqbayesError
from seqbayes.stream.source import SourceError
from seqbayes.stream.store import LeaseError, StoreError
from seqbayes.stream.verbs.answers import MissingError

NOTHING = 1
WRONG = 2
HELD = 3
FAILED = 4

MEANINGS = {
    0: "done",
    NOTHING: "there was nothing to do it with: no event that could be used, no such belief or key",
    WRONG: "wrong usage, or a configuration or file that cannot be read",
    HELD: "a runner has the store",
    FAILED: "store or source failed; what was committed stays",
    130: "ended by Ctrl-C",
    141: "whoever read the output has gone",
    143: "ended by SIGTERM",
}
"""What every exit status of the program means."""

EPILOG = """\
exit status: 0; 1 if the store does not hold what is asked for; 2 for wrong usage; 3 if a runner has
the store; 4 if the store cannot be read or written
"""


def attempt(log: Log, act: Callable[[], int]) -> int:
    """Return the exit status of a command; what goes wrong is said."""
    try:
        return act()
    except MissingError as error:
        return fail(log, error, NOTHING)
    except LeaseError as error:
        return fail(log, error, HELD)
    except (StoreError, SourceError) as error:
        return fail(log, error, FAILED)
    except SeqbayesError as error:
        return fail(log, error, WRONG)


def fail(log: Log, error: Exception, status: int) -> int:
    """Say what went wrong, and return the exit status."""
    log.say("failed", str(error), "error")
    return status
