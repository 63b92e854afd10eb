"""A configuration with a choice between two layouts."""

CONFIG = """
store = "beliefs.db"
source = { kind = "http", id = "id", linger = 0.001 }
[belief.conversion]
state = "beta"
field = "converted"
by = ["country", "layout"]
[choice.layout]
belief = "conversion"
arm = "layout"
arms = ["a", "b"]
"""
