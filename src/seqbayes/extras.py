"""Optional dependencies: errors that name the command that installs them."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from seqbayes.errors import SeqbayesError


def missing_extra(feature: str, package: str, extra: str) -> SeqbayesError:
    """Return the error for a feature whose dependency is not installed.

    Parameters
    ----------
    feature
        The feature, as the subject of a sentence.
    package
        The missing package.
    extra
        The extra that installs it.
    """
    return SeqbayesError(f"{feature} needs {package}: {install_command(extra)}")


def install_command(extra: str) -> str:
    """Return a shell command that installs an extra into the running environment.

    The command installs from the same location as seqbayes, and works in environments without pip.

    Examples
    --------
    >>> install_command("parquet").endswith("[parquet]'")
    True
    """
    source = _source()
    editable = ["-e"] if source.editable else []
    return f"{_pip()} {' '.join([*editable, shlex.quote(f'{source.name}[{extra}]')])}"


class _Source:
    """The location from which this distribution was installed: a directory or a package index."""

    def __init__(self, name: str = "seqbayes", editable: bool = False) -> None:
        self.name = name
        self.editable = editable


def _source() -> _Source:
    import json
    from importlib import metadata

    try:
        recorded = metadata.distribution("seqbayes").read_text("direct_url.json")
        found = json.loads(recorded or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return _Source()
    url = urlsplit(found.get("url", ""))
    directory = Path(unquote(url.path))
    if url.scheme != "file" or not directory.is_dir():
        return _Source()
    name = "." if directory == Path.cwd() else str(directory)
    return _Source(name, found.get("dir_info", {}).get("editable", False))


def _pip() -> str:
    """Return the command that runs pip for this interpreter."""
    relative = os.path.relpath(sys.executable)
    python = shlex.quote(sys.executable if relative.startswith("..") else relative)
    if importlib.util.find_spec("pip") is not None:
        return f"{python} -m pip install"
    found = shutil.which("python3")
    outside = found is not None and not found.startswith(sys.prefix)
    base = "python3" if outside else shlex.quote(os.path.join(sys.base_prefix, "bin", "python3"))
    return f"{base} -m pip --python {python} install"
