"""E-mail: messages to media and subscriber lists."""
