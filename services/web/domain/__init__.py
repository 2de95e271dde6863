"""What the pages decide and show: pure."""
