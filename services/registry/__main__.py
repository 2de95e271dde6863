"""Run this service alone: ``python -m services.registry --city DIR``."""

from services.kernel.runtime.program import main

if __name__ == "__main__":
    main("registry")
