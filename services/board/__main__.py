"""Run this service alone: ``python -m services.board --city DIR``."""

from services.kernel.runtime.program import main

if __name__ == "__main__":
    main("board")
