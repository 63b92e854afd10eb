"""Print the changelog section of a tag such as v0.2.0, after comparing it with the version.

Exits with an error if the tag differs from the version of the package, the first section of the
changelog is of another version, or changelog fragments have not been collected.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version() -> str:
    """Return the version that `src/seqbayes/__init__.py` states."""
    text = (ROOT / "src/seqbayes/__init__.py").read_text(encoding="utf-8")
    [found] = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return str(found)


def sections() -> dict[str, str]:
    """Return the sections of the changelog by version, newest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\S+).*\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def main(tag: str, fragments: Path = ROOT / "docs/changelog.d") -> str:
    """Return the section of a tag.

    Raises
    ------
    SystemExit
        If the tag cannot be released.
    """
    expected = f"v{version()}"
    if tag != expected:
        raise SystemExit(f"the tag {tag} differs from the version: expected {expected}")
    left = sorted(path.name for path in fragments.glob("*.*.md"))
    if left:
        raise SystemExit(
            f"{len(left)} changelog fragments are left, such as {left[0]}: run"
            f" towncrier build --yes --version {version()}"
        )
    newest, *_ = sections()
    if newest != version():
        raise SystemExit(f"the first section of CHANGELOG.md is {newest}, not {version()}")
    return sections()[newest]


if __name__ == "__main__":
    print(main(sys.argv[1]))
