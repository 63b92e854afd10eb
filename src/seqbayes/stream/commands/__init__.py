"""The verbs of the command line that work on streams and stores, a module each."""
