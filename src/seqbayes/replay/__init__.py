"""Stories told one event at a time: each a package with its events and the ways to show them.

A story has an opening and is iterated over, one immutable step at a time. `mms` eats candies under
a conjugate belief, `coins` learns two coins by EM. What they share is here: `telling` writes and
`terminal` draws any story, at a `pace`.
"""
