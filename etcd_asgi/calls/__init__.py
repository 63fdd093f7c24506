"""Calls: one RPC of one client, from the decoded message to etcd's reply."""
