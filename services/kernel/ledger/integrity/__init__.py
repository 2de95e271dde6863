"""Whether the ledger still holds what it held before.

A damaged store loses entries in silence, and the server gives their sequences to others (ADR 12). Five looks find that;
each is one function of ``checks``, called where its facts are at hand:

=====================  =====================================================  =========================================
look                   check                                                  called by
=====================  =====================================================  =========================================
the stream's count     ``check_count``: it holds as many as it has stored     ``watch``; the audit's comparison
an ack                 ``check_ack``: a new entry is above all seen           ``kernel.ledger.client``
a remembered entry     ``check_remembered``: it is as it was                  ``watch`` (the high-water mark),
                                                                              ``kernel.projection``, its snapshots
the second copy        ``check_report``: what the audit service found         ``watch``
=====================  =====================================================  =========================================

The fifth, entry by entry against the second copy, is the audit service's (``services.audit.proof.compare``); it tells
everybody what it found. ``watch`` puts a service's faults together: while there is one, nothing is accepted, decided
or posted.
"""
