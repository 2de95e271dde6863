"""How platforms are called: HTTP, sockets, what their answers ask to wait, pictures."""
