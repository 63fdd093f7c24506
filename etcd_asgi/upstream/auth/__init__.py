"""Logging in to etcd: passwords, tokens, and calls that carry one."""
