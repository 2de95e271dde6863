"""What becomes of a submission: text, pictures, renderings, screening, identity. Pure."""
