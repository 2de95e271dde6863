"""EOC state: consumes the EOC's orders, decides by the control fold, publishes control events and the posture.

``domain/activation`` is the barrier: ACTIVE is broadcast only when no older post is in flight.
"""
