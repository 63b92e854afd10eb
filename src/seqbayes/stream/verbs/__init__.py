"""The verbs of the command line as functions of the same names."""

from seqbayes.stream.verbs.answers import show
from seqbayes.stream.verbs.exports import export
from seqbayes.stream.verbs.forecasts import predict
from seqbayes.stream.verbs.letters import dead_letters
from seqbayes.stream.verbs.resets import reset
from seqbayes.stream.verbs.shards import merge
from seqbayes.stream.verbs.starting import check, init, run

__all__ = ["check", "dead_letters", "export", "init", "merge", "predict", "reset", "run", "show"]
