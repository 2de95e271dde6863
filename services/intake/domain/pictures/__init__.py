"""Pictures, cleaned and brought into one colour space. Pure."""
