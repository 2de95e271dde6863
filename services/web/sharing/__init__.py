"""What is made once for many officers."""
