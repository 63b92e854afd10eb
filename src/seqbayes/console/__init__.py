"""Terminal code shared by all commands: tables, charts, colours, log lines, signals, keys."""
