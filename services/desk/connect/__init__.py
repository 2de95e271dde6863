"""Gets a profile's credential with a person: by the platform's own login in a browser, or by a question."""
