"""The way to each platform host: who goes first, how many at a time, its quota, and whether it answers."""
