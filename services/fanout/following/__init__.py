"""How a message goes where one before it stands: as an answer, in its place, or to take it back."""
