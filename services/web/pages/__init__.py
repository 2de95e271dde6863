"""The pages, by noun: each handler reads, asks, and fills in its template."""
