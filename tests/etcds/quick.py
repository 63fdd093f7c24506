"""How tests run an etcd whose data nobody will miss."""

QUICK = ("--heartbeat-interval=10", "--election-timeout=100", "--unsafe-no-fsync")
"""Arguments for a leader sooner than with etcd's own second, and no waiting for the disk."""
