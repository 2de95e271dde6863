"""When an activation is complete. Pure."""
