"""Web push: one more way to be woken. A notice to a device says that something waits, and nothing of what it says."""
