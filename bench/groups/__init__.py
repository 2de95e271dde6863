"""The groups of rows. Each module has ``measure(bench) -> AsyncIterator[Row]``; a group that fails costs no other."""
