"""Self-contained HTML files: lessons in the browser, and the contents of a store.

A file needs neither a server nor a network: styles, scripts, the font and the data are included.
"""

from seqbayes.pages.build import build_page
from seqbayes.pages.lessons import candies_page, coins_page, estimates_page
from seqbayes.pages.store import store_page

__all__ = ["build_page", "candies_page", "coins_page", "estimates_page", "store_page"]
