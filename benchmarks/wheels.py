"""Compare compiled builds of seqbayes: CPU time of the per-event loops, and size of the wheel.

    python benchmarks/wheels.py per-version=BUILD limited-api=BUILD

Each build is a folder with the package, such as an unpacked wheel. One process per build and round
learns the same observations; the rounds alternate between the builds. docs/release.md has the
results, and how the build for the limited API was made.
"""

import json
import os
import statistics
import subprocess
import sys

ROUNDS = 7

LOOPS = """
import json, random, sys, time
from seqbayes import Beta, Dirichlet, Gamma, NormalInverseGamma
import seqbayes.statistics.base as base
assert not base.__file__.endswith(".py"), "not compiled"
rng = random.Random(1)
number = [rng.gauss(5, 2) for _ in range(200_000)]
streams = {
    "Beta": (Beta(1, 1), [x > 5 for x in number]),
    "Gamma": (Gamma(2, 1), [int(abs(x)) for x in number]),
    "NormalInverseGamma": (NormalInverseGamma(0, 1, 1, 1), number),
    "Dirichlet": (Dirichlet(dict.fromkeys("abcd", 1.0)), [rng.choice("abcd") for _ in number]),
}
seconds = {}
for name, (state, observations) in streams.items():
    learn_one = state.learn_one
    begin = time.process_time()
    for x in observations:
        learn_one(x)
    seconds[name] = (time.process_time() - begin) / len(observations) * 1e9
json.dump(seconds, sys.stdout)
"""


def measure(folder):
    """Return nanoseconds per observation by family."""
    environment = {**os.environ, "PYTHONPATH": folder}
    done = subprocess.run(
        [sys.executable, "-c", LOOPS], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main(arguments):
    """Print a table: nanoseconds per observation by build, and the ratio to the first build."""
    builds = dict(argument.split("=", 1) for argument in arguments)
    rounds = [{name: measure(folder) for name, folder in builds.items()} for _ in range(ROUNDS)]
    first, *others = builds
    print(f"| `learn_one` of | {' | '.join(f'{name}, ns' for name in builds)} | ratio |")
    print("| --- |" + " ---: |" * (len(builds) + 1))
    for family in rounds[0][first]:
        medians = {name: statistics.median(r[name][family] for r in rounds) for name in builds}
        ratios = [
            statistics.median(r[o][family] / r[first][family] for r in rounds) for o in others
        ]
        shown = " | ".join(f"{value:.0f}" for value in medians.values())
        print(f"| `{family}` | {shown} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
