"""What people are shown. Pure."""
