"""Nextdoor: an agency's posts to its area."""
