"""What goes out of the house: exports, proofs, redaction, single entries."""
