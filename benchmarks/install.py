"""Measure the time from a wheel to the first posterior, in an environment without a compiler.

    python benchmarks/install.py dist/seqbayes-0.2.0-cp313-cp313-linux_x86_64.whl

The Python that runs the script must be the one that the wheel is for. Each installer starts with an
empty environment; packages come from the index or the cache that the installer is configured with.
uv is measured if it is installed. docs/release.md has the results.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

FIRST = "from seqbayes import Beta; b = Beta(1, 1); b.learn_one(True); print(b, b.interval())"


def installers(python):
    """Return the command of each installer, by name."""
    pip = [python, "-m", "pip", "install", "--quiet"]
    found = {"`pip install --no-compile`": [*pip, "--no-compile"], "`pip install`": pip}
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--python", python]
        found = {"`uv pip install`": command, **found}
    return found


def measure(command, environment):
    """Run a command and return its processor time and its elapsed time, in seconds."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after, elapsed = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begin
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, elapsed


def main(wheel):
    """Print a table with one row for each installer."""
    print(
        f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}, CPU / elapsed seconds\n"
    )
    print(
        "| installer | install | first posterior | second process |\n| --- | ---: | ---: | ---: |"
    )
    for name in installers(""):
        with tempfile.TemporaryDirectory() as folder:
            venv.create(folder, with_pip=True)
            programs = Path(folder, "bin" if os.name == "posix" else "Scripts")
            python = str(programs / "python")
            environment = {**os.environ, "PATH": str(programs), "CC": "no-compiler"}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)  # set in some images
            commands = [*installers(python)[name], wheel], [python, "-c", FIRST]
            times = [measure(command, environment) for command in (*commands, commands[1])]
            cells = " | ".join(f"{cpu:.1f} / {elapsed:.1f}" for cpu, elapsed in times)
            print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
