"""X: posts, threads and pictures by its API v2."""
