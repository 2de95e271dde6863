"""What the fan-out decides, pure: no clock, no I/O."""
