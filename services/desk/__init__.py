"""The desk: the ``onevoice`` command, where people and scripts meet the services.

``menu`` and ``commands/`` say what can be typed, and import nothing heavy, so that help comes at once; a command works
in a ``session``, with one authenticated connection to the broker (``connection/``). What the desk sends is signed here,
with the officer's own key (``statements``); what it shows (``views/``) comes from the board and from intake's preview.
"""
