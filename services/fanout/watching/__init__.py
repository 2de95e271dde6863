"""The watch over the profiles: what was published there and did not come through the gate."""
