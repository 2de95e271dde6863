"""How requests, messages and what became of them look."""
