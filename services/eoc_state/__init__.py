"""EOC state: consumes the EOC's orders, decides by the control fold, publishes control events and the posture.

``activation`` holds the barrier: the EOC is told active only when no older post is in flight.
"""
