"""How often a look of culling comes, how much of the ring it reads, and what it sees there. ``culling`` decides by it.

A store that lists in order and from any point is read by pages. Another is read by directories: the first two digits of the
names divide the ring into 256, and each can be listed for itself, whole. A cache of few entries is listed whole there.

A look is bounded: where listing or deleting costs a request per name, it reads fewer names, and more often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from s3cache.engines.base import Etag, Features
from s3cache.errors import OptionError

PAGE = 1000
"""Names in one listing page of S3."""
SMALL = 500
"""So many entries are looked at all at once."""
VISITS = 5
"""How often each place is looked at while as much is written as the cache may hold."""
INTERVAL = PAGE // VISITS
GUESS = 0.25
"""The part of the ring that a page covers, as long as nothing tells how many entries there are."""
FEW = 100
"""Names of a look where each costs a request."""
DIRECTORIES = 256
"""Into so many the first two digits of a name divide the ring."""
MOST_DIRECTORIES = 16
MOST_NAMES = 10 * PAGE
"""In what is listed whole: a directory, or a cache."""
MOST_DEAR_NAMES = 5 * FEW


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as a look sees it."""

    name: str
    position: float
    modified: datetime
    size: int = 0
    etag: Etag = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a look saw: the entries from ``start`` to ``end``, or to the last of them where the page is ``truncated``."""

    start: float
    entries: Sequence[Listed]
    truncated: bool
    end: float = 1.0

    @property
    def arc(self) -> float:
        """The part of the ring that the page covers."""
        end = self.entries[-1].position if self.truncated and self.entries else self.end
        return end - self.start


@dataclass(frozen=True, slots=True)
class Sample:
    """What one look reads."""

    names: int = PAGE
    """The length of a page, or how many names the directories hold in a full cache."""
    directories: int = 0
    """So many directories are read whole; 0: a page, from a point on."""
    most: int = MOST_DIRECTORIES * PAGE
    """The look ends after so many names in the directories, foreign ones included."""

    def width(self, max_entries: int) -> float:
        """The part of the ring that this is in a full cache."""
        return self.directories / DIRECTORIES if self.directories else min(1.0, self.names / max_entries)


WHOLE_PAGE = Sample()


def is_small(max_entries: int | None) -> bool:
    """Whether a look sees all of the cache, while it keeps to its limit."""
    return max_entries is not None and max_entries <= SMALL


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a look comes, and what is written meanwhile."""

    interval: int
    """After so many writes, on average."""
    width: float
    """The part of the ring that a look covers."""
    growth: float
    """The part of a page's share that is written while a look is due once."""
    margin: float
    """The part of a page's share that stays free for what others may write before anybody looks there again."""

    @classmethod
    def of(cls, max_entries: int | None, cull_frequency: int, sample: Sample) -> Pace:
        interval = look_interval(max_entries, cull_frequency, sample)
        width = sample.width(max_entries) if max_entries else GUESS
        growth = interval / (max_entries * width) if max_entries else 1 / VISITS
        # An interval of a small cache is a third of it by default: three of them for a margin would empty it at each look.
        return cls(interval, width, growth, growth * (2 if is_small(max_entries) else 1.5))


def look_interval(max_entries: int | None, cull_frequency: int, sample: Sample = WHOLE_PAGE) -> int:
    """After how many writes a look is due, on average."""
    if max_entries is None or max_entries > SMALL:
        return max(1, sample.names // VISITS)
    return min(INTERVAL, max(1, max_entries // (cull_frequency or 1)))


def sample_of(features: Features, max_entries: int | None) -> Sample:
    """What a look at such a store reads. ``max_entries`` None: no limit. Raises OptionError for what cannot be read in part."""
    single = features.delete_batch == 1 and features.remote
    if features.start_after and features.ordered_listing:
        return Sample(FEW) if single and (max_entries is None or max_entries > SMALL) else WHOLE_PAGE
    if max_entries is None:
        raise OptionError(
            "OPTIONS['MAX_BYTES'] is given without OPTIONS['MAX_ENTRIES'], and this store cannot be listed from a point. Give "
            "MAX_ENTRIES too: it says how many parts of the store are a fair sample."
        )
    return whole_directories(max_entries, single)


def whole_directories(max_entries: int, dear: bool) -> Sample:
    """As many directories as hold a page of names. ``dear``: where a listing costs requests for each name."""
    names, longest, most = (FEW, MOST_DEAR_NAMES, PAGE) if dear else (PAGE, MOST_NAMES, MOST_DIRECTORIES * PAGE)
    if max_entries > DIRECTORIES * longest:
        raise OptionError(
            f"OPTIONS['MAX_ENTRIES'] is {max_entries:,}, and this store cannot be listed from a point; accepted: at most "
            f"{DIRECTORIES * longest:,}. Set it to None, and let a lifecycle rule of the bucket remove old objects."
        )
    if max_entries <= (SMALL if dear else longest):
        return Sample(max_entries, DIRECTORIES, most)
    directories = min(MOST_DIRECTORIES, math.ceil(DIRECTORIES * names / max_entries))
    return Sample(max_entries * directories // DIRECTORIES, directories, most)
