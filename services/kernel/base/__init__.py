"""What everything rests on: clock, files, errors, logs, the city's settings, and where a crash is tried."""
