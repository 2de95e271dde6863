"""Telegram: posts in a channel by a bot."""
