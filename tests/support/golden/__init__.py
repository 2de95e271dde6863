"""Events and a record in the very bytes of each release, and the tests that today's contracts still read them."""
