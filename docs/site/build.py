"""Build the documentation site: stage the pages, generate the reference, run the site generator.

    python docs/site/build.py [FOLDER]

The site is written to FOLDER (build/site). Pages of `docs/` are at the top of the site; the pages of
other folders that they link to keep their paths. Links to files that are not pages become text.
The build fails on a broken link, on a page that cannot be rendered, and if the site loads anything
from another host.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from latex2mathml import converter

sys.path.insert(0, str(Path(__file__).resolve().parent))
import api
import lessons
import listings
import notebooks
import pairs

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "mkdocs.yml"
SKIPPED = {"docs/changelog.d", "docs/site"}
OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/*.md")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")
FENCED = re.compile(r"(^ *(?:```|~~~).*?^ *(?:```|~~~)\s*?$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
"""Code, in which links and formulas are text."""
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)
REQUEST = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["']?(?:https?:)?//"""
    r"""|<link[^>]+rel=["']?(?:stylesheet|preload|preconnect|icon)[^>]+href=["']?(?:https?:)?//"""
    r"""|url\(["']?(?:https?:)?//|@import ["'](?:https?:)?//"""
)
"""Matches HTML and CSS that makes a browser load something from another host."""


def pages() -> dict[str, str]:
    """Return the paths of the files of the site: in the repository, and on the site."""
    inside = {
        path.relative_to(ROOT).as_posix(): site_name(path.relative_to(ROOT / "docs").as_posix())
        for path in sorted((ROOT / "docs").rglob("*"))
        if path.is_file() and path.suffix in {".md", ".png", ".svg", ".css", ".js", ".ipynb"}
    }
    kept = {
        source: target
        for source, target in inside.items()
        if not any(source.startswith(f"{folder}/") for folder in SKIPPED)
    }
    outside = [path for pattern in OUTSIDE for path in sorted(ROOT.glob(pattern))]
    names = [path.relative_to(ROOT).as_posix() for path in outside]
    return kept | {name: site_name(name) for name in names}


def site_name(name: str) -> str:
    """Return a file's path on the site: notebooks become pages.

    Examples
    --------
    >>> site_name("benchmarks/README.md"), site_name("gallery/mms.ipynb")
    ('benchmarks/index.md', 'gallery/mms.md')
    """
    return name.replace("README.md", "index.md").removesuffix(".ipynb") + (
        ".md" if name.endswith(".ipynb") else ""
    )


def generated() -> dict[str, str]:
    """Return the generated pages, keyed by their path on the site."""
    return {
        "reference/conjugate-pairs.md": pairs.page(),
        "reference/configuration.md": listings.configuration(),
        "reference/errors.md": listings.errors(),
        "reference/http.md": listings.http(),
        **lessons.files(),
        **api.pages(),
    }


def relink(text: str, source: str, known: dict[str, str]) -> str:
    """Return the text of a page with its links changed to the paths of the site.

    Parameters
    ----------
    text
        The page.
    source
        Its path in the repository.
    known
        Paths on the site, keyed by paths in the repository.
    """

    def change(found: re.Match[str]) -> str:
        image, label, url = found.groups()
        label = LINK.sub(change, label)
        path, hash_sign, anchor = url.partition("#")
        if not path or re.match(r"\w+:", url):
            return f"{image}[{label}]({url})"
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if target in known:
            here = posixpath.dirname(known[source])
            return f"{image}[{label}]({posixpath.relpath(known[target], here)}{hash_sign}{anchor})"
        if (ROOT / target).exists():
            # a file that is not a page
            return label
        return found[0]  # a link to a generated page, or a broken link, which the generator reports

    return LINK.sub(change, text)


def typeset(text: str) -> str:
    """Return a string with its formulas as MathML, which browsers show without a library."""

    def change(found: re.Match[str]) -> str:
        block, inline = found.groups()
        return str(converter.convert(block or inline, display="block" if block else "inline"))

    parts = FENCED.split(text)
    parts[::2] = [FORMULA.sub(change, part) for part in parts[::2]]
    return "".join(parts)


def listed(nav: Any) -> Iterator[str]:
    """Yield the pages of a navigation."""
    for each in nav.values() if isinstance(nav, dict) else nav:
        if isinstance(each, str):
            yield each
        else:
            yield from listed(each)


def text_of(path: Path) -> str:
    """Return a page or a notebook as Markdown."""
    return notebooks.page(path) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")


def stage(folder: Path) -> None:
    """Write the pages and the configuration of the site into a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    known = pages()
    for source, target in known.items():
        path = folder / "pages" / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = text_of(ROOT / source)
            path.write_text(typeset(relink(text, source, known)), encoding="utf-8")
        else:
            shutil.copy(ROOT / source, path)
    for target, text in generated().items():
        path = folder / "pages" / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = yaml.safe_load((ROOT / CONFIG).read_text(encoding="utf-8"))
    config["docs_dir"] = "pages"
    config["nav"] = navigation(config["nav"], folder / "pages")
    config["plugins"][1]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT / "src")]
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def navigation(nav: list[Any], folder: Path) -> list[Any]:
    """Return the navigation, with the pages that it does not name under "More"."""
    names = set(listed(nav))
    more = [
        name
        for path in sorted(folder.rglob("*.md"))
        if (name := path.relative_to(folder).as_posix()) not in names
    ]
    return [*nav, {"More": more}] if more else nav


def requests(site: Path) -> list[str]:
    """Return what the pages of a site load from other hosts."""
    return [
        f"{path.relative_to(site)}: {found[0]}"
        for path in sorted(site.rglob("*"))
        if path.suffix in {".html", ".css"}
        for found in REQUEST.finditer(path.read_text(encoding="utf-8"))
    ]


def main(target: Path) -> None:
    """Build the site in a folder.

    Raises
    ------
    SystemExit
        If the site generator reports a problem, or the site loads something from another host.
    """
    staged = ROOT / "build/site-source"
    stage(staged)
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict", "--clean"]
    subprocess.run(command, cwd=staged, check=True, env={**os.environ, "NO_COLOR": "1"})
    if found := requests(staged / "site"):
        raise SystemExit("the site loads from other hosts:\n" + "\n".join(found[:10]))
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(staged / "site", target)
    print(f"{target}: {len(list(target.rglob('index.html')))} pages")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build/site")
