"""Registry: consumes orders about officers and profiles, decides by the control fold, publishes control events.

It also begins the ledger: the authority manifest, signed by the city's root keys, is the first control event.
"""
