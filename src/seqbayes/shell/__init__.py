"""What is made of the command line's parsers: completion for shells, and the reference."""
