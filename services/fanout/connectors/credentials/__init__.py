"""Platform credentials: where they lie, how they are sealed, renewed and read."""
