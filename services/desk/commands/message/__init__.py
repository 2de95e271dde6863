"""What is published, and what comes after it."""
