"""People, keys, profiles, and the proof over the record."""
