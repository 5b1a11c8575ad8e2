"""The HTTP service: the edge where requests come in and answers go out."""
