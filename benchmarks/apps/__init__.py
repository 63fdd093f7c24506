"""The ASGI applications that are measured, each served by a process of its own.

They find etcd's address in ``$BENCH_ETCD``, and the floor its canned messages in
``$BENCH_MESSAGES``.
"""
