"""The city's website: what it remembers (``state``), its pages and feeds (pure), and the one who writes them."""
