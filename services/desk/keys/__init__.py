"""A person's own keys: how they are kept, opened for a shift, and known by a short code."""
