"""Alerts: conditions on beliefs and the stream, with exactly-once delivery."""

from seqbayes.stream.alerts.alert import Alert, Receiver
from seqbayes.stream.alerts.grammar import parse_condition
from seqbayes.stream.alerts.outbox import Alerts

__all__ = ["Alert", "Alerts", "Receiver", "parse_condition"]
