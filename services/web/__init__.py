"""The desk on a phone: the officers' pages.

A client of the city like the ``onevoice`` command, and with less: its NATS user ``web`` has no key of any officer. It
asks the board, receives the board's stream of changes, and hands on what officers sign in their browsers.
"""
