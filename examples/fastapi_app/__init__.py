"""A FastAPI application with a login, two teams, and etcd mounted for them."""
