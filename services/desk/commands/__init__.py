"""What can be typed: a module for each noun, with the commands themselves. Loaded when one of them is named."""
