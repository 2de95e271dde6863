"""The shared kernel: ledger, control fold, signatures, the city folder, logging, clock. Kept small."""
