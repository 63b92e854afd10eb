import os

import numpy as np
import pytest
from hypothesis import settings

# No deadlines: how long an example takes says nothing about whether it is right. In CI the
# examples are the same in every run, so that a red run is the change's doing.
settings.register_profile("seqbayes", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("seqbayes"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "seqbayes")


@pytest.fixture
def rng():
    return np.random.default_rng(1796)
