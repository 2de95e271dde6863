"""Threads: posts and chains of posts, by the Threads API."""
