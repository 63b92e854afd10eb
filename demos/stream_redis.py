"""A Redis stream, read by a consumer group whose only member crashes.

Events are reports of web sites (River's data set Phishing). `seqbayes run` learns the share of
phishing sites for each kind of certificate. It is killed partway through; entries that it had read
but not committed are still pending, and are delivered again.
"""

from __future__ import annotations

import json
from pathlib import Path

from _servers import RedisServer
from _shared import Screen
from _streams import Runner, print_results, run_demo, run_with_crash
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
    """Read the stream, crash, and continue."""
    server = RedisServer(directory)
    try:
        runner = Runner(directory, CONFIG.format(url=server.url))
        parts: list[int] = []

        def publish(records: list[bytes]) -> None:
            parts.append(len(records))
            server.publish("sites", records)

        run_with_crash(runner, events(), publish)
        with server.client() as client:
            (group,) = client.xinfo_groups("sites")
    finally:
        server.kill()
    first, second, third = parts
    screen.say(
        f"The first {first} events are read and committed. {second} more are added, and the runner"
        f" is killed (kill -9). Then {third} more are added, and it is started again. At the end,"
        f" {group['pending']} entries are pending."
    )
    print_results(screen, BELIEF, "share of phishing", events(), runner.states("phishing"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, show, RedisServer, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
