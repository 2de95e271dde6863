"""The services of OneVoice. ``kernel`` is what they share; ``desk`` is the ``onevoice`` command."""
