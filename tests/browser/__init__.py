"""The officers' pages in a real Chromium, with a virtual authenticator (``make test-browser``)."""
