"""``python -m seqbayes``: the command line."""

import sys

from seqbayes.cli import main

sys.exit(main())
