"""The connectors against the platforms' own server software, on this machine: ``make test-platforms``."""
