"""The broker's configuration: what each user may do, the accounts of each realm, and the server."""
