"""Builds a self-contained HTML file from a script, style sheets and data."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from seqbayes.dashboard.server.bundle import bundle

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " font-src data:; img-src data:; base-uri 'none'; form-action 'none'"
)
"""The browser refuses every request of the page."""

_PAGE = """\
<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="{policy}">
<meta name="generator" content="seqbayes">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
<script>
{theme}
</script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top" id="top"><span class="brand">seqbayes</span></header>
<main id="main" tabindex="-1">{body}</main>
<script type="application/json" id="data">{data}</script>
<script type="module">
{script}
</script>
</body>
</html>
"""

_NO_SCRIPT = "<noscript><p>This page needs JavaScript to calculate and draw.</p></noscript>"


def dashboard_files() -> Path:
    """Return the directory of the dashboard's scripts and styles."""
    return Path(str(resources.files("seqbayes.dashboard") / "static"))


def page_files() -> Path:
    """Return the directory of the scripts and styles of these pages."""
    return Path(str(resources.files("seqbayes.pages") / "static"))


def build_page(title: str, script: str, data: Mapping[str, Any]) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    title
        The title of the document.
    script
        The file name of the script's main module.
    data
        JSON values that the script reads.

    Returns
    -------
    str
        The document, which makes no requests.

    Raises
    ------
    ValueError
        If a script contains the end tag of a script element.

    Examples
    --------
    >>> page = build_page("A lesson", "mms.js", {"candies": "<3"})
    >>> page.startswith("<!doctype html>"), "<3" in page
    (True, False)
    """
    code = bundle(page_files() / "js" / script)
    theme = (dashboard_files() / "js" / "theme.js").read_text("utf-8")
    if "</script" in code + theme:
        raise ValueError(f"{script} contains the end tag of a script element")
    return _PAGE.format(
        policy=_POLICY,
        title=escape(title),
        style=_styles(),
        theme=theme,
        body=_NO_SCRIPT,
        data=msgspec.json.encode(data).decode().replace("<", "\\u003c"),
        script=code,
    )


def _styles() -> str:
    """Return the style sheets, with the font embedded as data."""
    shared = dashboard_files()
    sheets = [
        shared / "css" / name for name in ("tokens.css", "base.css", "charts.css", "replay.css")
    ]
    sheets.append(page_files() / "css" / "lesson.css")
    text = "\n".join(sheet.read_text("utf-8") for sheet in sheets)
    font = base64.b64encode((shared / "fonts" / "inter.woff2").read_bytes()).decode()
    return text.replace("../fonts/inter.woff2", f"data:font/woff2;base64,{font}")
