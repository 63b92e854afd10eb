"""Beliefs from real events: JSON Lines or CSV in, one state per key out.

`lines` reads bytes, `readers` parses them, `beliefs` learns, `display` and `report` show.
"""
