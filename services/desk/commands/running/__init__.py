"""Running the city on this machine."""
