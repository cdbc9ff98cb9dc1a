"""When to compute a value anew before it expires, so that nobody finds it expired.

The rule is XFetch: each caller draws for himself how far he looks ahead, on average so long as the value took to compute. The
nearer the expiry, the more likely one of them is early enough; whether many or few callers ask, it is seldom more than one.
A. Vattani, F. Chierichetti, K. Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015.
https://www.vldb.org/pvldb/vol8/p886-vattani.pdf
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from s3cache.expiry import NEVER


@dataclass(frozen=True)
class Early:
    """``beta`` above 1 is earlier, below 1 later, 0 never. ``draw`` gives a number from 0 up to, but not, 1."""

    beta: float
    draw: Callable[[], float] = random.random

    def is_due(self, now: int, expires_at: int, compute_ms: int) -> bool:
        """Whether to compute now what expires then and took so long. All in milliseconds."""
        if expires_at == NEVER or not compute_ms * self.beta:
            return False
        return now - compute_ms * self.beta * math.log(1 - self.draw()) >= expires_at
