"""What a machine can find in a text against section 1 and the definitions. Pure."""
