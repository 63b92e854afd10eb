"""Stories played one step at a time.

`mms` eats candies under a conjugate belief, `coins` learns two coins by EM. `story` declares the
protocol that both implement; `player` plays any story.
"""
