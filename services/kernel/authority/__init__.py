"""Who may do what, proven: signatures, officers' orders, and what a post must rest on."""
