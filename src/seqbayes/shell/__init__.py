"""Shell completion and the reference, generated from the parsers of the command line."""
