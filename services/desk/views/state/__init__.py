"""How the city's health, authority, profiles and record look."""
