"""EM: starts, the loop over given rows, online steps, and the evidence for a fit."""
