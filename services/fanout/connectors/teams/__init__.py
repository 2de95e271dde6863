"""Microsoft Teams: messages into a channel or chat by a workflow."""
