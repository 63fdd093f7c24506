"""A Django project whose users see their team's part of etcd."""
