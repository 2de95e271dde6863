"""By hand: what has no interface for programs becomes a task for an officer."""
