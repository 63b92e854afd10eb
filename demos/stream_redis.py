"""A stream of Redis, read by a group with one member, which dies.

Web sites come in as reports (River's data set Phishing). `seqbayes run` keeps, for each kind of
certificate, what share of the sites were out to steal passwords. In mid-work it is killed; what it
had read and not committed is still pending, and comes again.
"""

from __future__ import annotations

import json
from pathlib import Path

from _servers import RedisServer
from _shared import Screen
from _streams import Runner, present, survive, tell
from river import datasets

from seqbayes import Beta
from seqbayes.stream import Belief

CONFIG = """\
store = "beliefs.db"
commit = {{ every = "0.1 s" }}

[source]
kind = "redis"
url = "{url}"
stream = "sites"
field = "event"
group = "seqbayes"

[belief.phishing]
state = "beta"
field = "phishing"
by = "certificate"
"""
CERTIFICATES = {1.0: "trusted", 0.5: "not trusted", 0.0: "none"}
BELIEF = Belief("phishing", Beta(), field="phishing", by="certificate")


def events() -> list[bytes]:
    """Return an event for every site."""
    return [
        json.dumps({"certificate": CERTIFICATES[x["https"]], "phishing": y}).encode()
        for x, y in datasets.Phishing()
    ]


def show(screen: Screen, directory: Path) -> None:
    """Read the stream, die, and go on."""
    server = RedisServer(directory)
    try:
        runner = Runner(directory, CONFIG.format(url=server.url))
        parts: list[int] = []

        def publish(records: list[bytes]) -> None:
            parts.append(len(records))
            server.publish("sites", records)

        survive(runner, events(), publish)
        with server.client() as client:
            (group,) = client.xinfo_groups("sites")
    finally:
        server.kill()
    first, second, third = parts
    screen.say(
        f"{first} events are in the stream and are committed; {second} more come, and the runner is"
        f" killed (kill -9). Then {third} more come, and it is started again. In the end"
        f" {group['pending']} are pending."
    )
    tell(screen, BELIEF, "share of phishing", events(), runner.states("phishing"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return present(__doc__, show, RedisServer, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
