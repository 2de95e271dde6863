"""Run this service alone: ``python -m services.eoc_state --city DIR``."""

from services.kernel.runtime.program import main

if __name__ == "__main__":
    main("eoc_state")
