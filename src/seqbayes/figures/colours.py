"""The colours of Bayes' rule, in terminals, plots and notebooks."""

RULE = {
    "prior": "#008748",
    "likelihood": "#d73a3a",
    "evidence": "#c03fb4",
    "posterior": "#c25400",
    "next": "#2574d8",
}
"""Colours of Bayes' rule, with a contrast ratio of at least 4.5 on black and on white."""
