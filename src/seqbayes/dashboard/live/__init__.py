"""Live data for pages: current states, event rates and pushed frames."""
