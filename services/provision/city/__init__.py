"""A city folder: its making, its city.toml, its signed manifests."""
