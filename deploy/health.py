"""Exit with status 0 if a server of `seqbayes serve` answers and its pipeline has not stopped.

    python deploy/health.py http://127.0.0.1:8765

The token is taken from the environment variable SEQBAYES_TOKEN. A lost connection to a broker is
not a failure: the pipeline reconnects, and a restart would not help.
"""

import json
import os
import sys
import urllib.request

TIMEOUT_SECONDS = 4.0


def main(url: str) -> str | None:
    """Return None if the server is healthy, and the reason otherwise."""
    request = urllib.request.Request(f"{url.rstrip('/')}/api/health")
    token = os.environ.get("SEQBAYES_TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            health = json.load(answer)
    except (OSError, ValueError) as error:  # urllib's errors are OSErrors
        return f"{url} does not answer: {error}"
    if health["status"] == "stopped":
        return f"the pipeline has stopped: {health.get('error') or 'its source has ended'}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
