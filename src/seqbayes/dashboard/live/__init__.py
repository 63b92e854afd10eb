"""What pages receive while they are open: the current states, arrivals and pushed frames."""
