"""city.toml as it is read: a model for each of its sections."""
