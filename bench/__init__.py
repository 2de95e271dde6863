"""Measures OneVoice from outside, beside public programs in the same run; ``python -m bench`` prints one table.

``groups/`` has a file for each group of rows, ``rivals/`` the public programs' side. ``product.py`` is the one file
that knows the product's own code (city folders, signatures); all else goes by processes, desk subjects and the ledger.
"""
