"""Facts about etcd: its messages and its RPCs."""
