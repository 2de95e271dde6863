"""Facebook: posts on Pages by the Graph API."""
