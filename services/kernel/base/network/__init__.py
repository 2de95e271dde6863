"""Connections: TLS, certificates, small HTTP servers, mail."""
