"""What the gateway costs, beside etcd's own: ``python -m benchmarks``.

Programs for developers; no test measures time. ``docs/performance.md`` says what is measured.
"""
