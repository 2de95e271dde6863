"""The platforms: one file each behind the contract in ``contract``; ``registry`` lists them."""
