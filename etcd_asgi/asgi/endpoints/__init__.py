"""The wire forms of the gateway, one a file; none imports another."""
