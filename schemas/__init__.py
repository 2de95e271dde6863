"""The contracts of OneVoice: subjects, streams, events and the flow map.

The only thing that services share besides ``services.kernel``. Imports no service and does no I/O.
"""
