"""Platforms that cannot run here, as their public documents describe them: stateful, strict, and able to misbehave."""
