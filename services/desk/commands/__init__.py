"""What can be typed: a module for each group of commands. Light: what they do is imported when they run."""
