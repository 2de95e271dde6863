"""Signed webhooks: messages as CloudEvents to systems of the city and its partners."""
