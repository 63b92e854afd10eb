"""Replays: stories that are shown one step at a time.

`mms` counts candies with a conjugate belief, `coins` estimates two coins with EM. `story` declares
the protocol that both implement; `player` plays any story.
"""
