"""How many examples property tests draw."""

import os

FEW = "ETCD_ASGI_FEW_EXAMPLES"
"""Set for the runs that ask another question than the ordinary one: do other versions work?"""


def drawn(count: int) -> int:
    """Give *count*, or where few are asked for a tenth of it."""
    return max(3, count // 10) if os.environ.get(FEW) else count
