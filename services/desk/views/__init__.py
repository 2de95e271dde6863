"""How things look: to people (80 columns, colour only on a terminal) and to programs (JSON)."""
