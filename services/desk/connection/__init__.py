"""The desk's connection to the broker: asking, listening, following what changes."""
