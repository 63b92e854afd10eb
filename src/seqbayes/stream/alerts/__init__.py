"""Alerts: statements about beliefs and the stream, delivered exactly once."""

from seqbayes.stream.alerts.alert import Alert, Receiver
from seqbayes.stream.alerts.grammar import parse_condition
from seqbayes.stream.alerts.outbox import Alerts

__all__ = ["Alert", "Alerts", "Receiver", "parse_condition"]
