"""Writes what runs a city as services of their own: systemd units, a compose file, or a Helm chart, from the flow map.

``files_for(kind, target)`` returns each file's text by its path, pure; ``target_of`` reads from a city folder what the
files depend on. ``onevoice deploy`` writes and checks them; ``deploy/`` in the repository holds examples.
"""
