"""What OneVoice is measured beside: the same work done by public programs, with no more than they need for it."""
