"""What the gate's decision needs, gathered from the fold. Pure."""
