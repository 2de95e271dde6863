"""The seeded simulation: the real services on a simulated server, network, clock and platform; a seed replays a run.

``python -m tests.simulation --seed 7`` plays one seed with its whole trace; without it, 1,000: docs/reliability.md.
"""
