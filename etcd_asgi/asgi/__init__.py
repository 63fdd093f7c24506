"""The client's side: ASGI requests in, responses out, in every wire form."""
