"""What the commands do, once the command line is understood. Imported only when a command runs."""
