"""Bluesky: posts as records of an AT Protocol repository, under keys that follow from the request."""
