"""Generates the files that follow from the code: JSON Schema and AsyncAPI (schemas/json), the diagrams in
docs/ and the page of city.toml's settings.

``python -m services.provision.generate [schemas|docs] [--check]``; with ``--check`` nothing is written and a
difference ends with status 1.
"""
