"""EM: starts, the loop over given rows, online steps, and the evidence of a fit."""
