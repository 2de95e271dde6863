"""Slack: messages into a channel by an incoming webhook."""
