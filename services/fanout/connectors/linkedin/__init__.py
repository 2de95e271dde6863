"""LinkedIn: posts of a company page, by its Posts API."""
