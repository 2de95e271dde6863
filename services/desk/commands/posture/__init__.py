"""The EOC, crises, and the stop button."""
