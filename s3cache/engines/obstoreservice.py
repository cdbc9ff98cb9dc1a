"""What the obstore engine asks of each kind of service, so that the verbs are written once for all of them.

A ``Service`` is one LOCATION with its options: it knows how obstore's store for it is made and what is peculiar to it. ``Stores``
keeps the stores that were made. There are several for one service, because obstore fixes in a store what differs here from request
to request: how long it may take, and how names are deleted. Nothing is repeated: whoever calls the engine does that.

A request ends with its call's deadline (``s3cache.deadlines``), whatever the server does: the time-out of its store holds from the
first look for the host to the last byte of the body. It is the longest of ``STEPS`` that the call has left. A store more takes 3 ms
to make, 200 KB, and connections of its own; the first requests of all calls share one.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from s3cache import deadlines
from s3cache.engines.base import Etag, Features
from s3cache.engines.obstorecalls import check_process
from s3cache.engines.obstoreerrors import Advice
from s3cache.engines.obstorenames import is_name
from s3cache.engines.s3errors import PLAIN, READ, REPLACE, Meanings
from s3cache.errors import Conflict, EngineMisconfigured, EngineUnavailable, OptionError, PreconditionFailed
from s3cache.version import __version__

USER_AGENT = f"s3cache/{__version__} obstore"
MEGABYTE = 2**20
NEVER = timedelta(days=7)
"""For a time-out that obstore would else set to 30 seconds."""
STEPS = (*(10 * 2 ** (n / 2) for n in range(-11, 17)), math.inf)
"""Seconds that a request may take: 10, as TOTAL_TIMEOUT is by default, and what is shorter or longer by roots of two."""
LATE = 0.3
"""Seconds that a request may last beyond its call's deadline."""


class Kind(NamedTuple):
    """What is asked of a store."""

    bulk: bool = False
    """Names are deleted many at once. Not every service and policy allows that, so one name has a request of its own."""
    megabytes: int = 0
    """How much a request may have to send, in powers of two, where that is above 1 MB.

    obstore's read time-out runs until the answer begins, while the body is sent as well, so a store for large bodies waits longer.
    """


USUAL, DELETING_MANY = Kind(), Kind(bulk=True)


def writing(size: int) -> Kind:
    """The kind of store for a body of that many bytes."""
    return USUAL if size <= MEGABYTE else Kind(megabytes=1 << (size // MEGABYTE).bit_length())


def step(left: float) -> float:
    """How many seconds a request may take whose call has so many left."""
    return STEPS[bisect_right(STEPS, left + LATE) - 1]


class Service:
    """A LOCATION as the engine sees it. What is here fits a store that is simple; the others say where they differ."""

    location: str
    features: Features
    prefix: str = ""
    written: Mapping[str, Any] = {}
    """What obstore is told with every write."""
    advice: Advice = Advice()
    plain_meanings: Meanings = PLAIN
    read_meanings: Meanings = READ
    """On reads and deletes, which may meet no object."""

    def make(self, kind: Kind, seconds: float) -> Any:
        """A store of obstore, whose requests end after so many seconds. Called once for each pair, and first when it is needed."""
        raise NotImplementedError

    def write_meanings(self, *, if_match: bool, if_none_match: bool) -> Meanings:
        """What the answer to a conditional write says."""
        return {**(REPLACE if if_match else PLAIN), 409: Conflict, 412: PreconditionFailed}

    def is_overtaken(self, error: BaseException) -> bool:
        """Whether a PUT that ended so was applied, and then another."""
        return False

    def etag(self, about: Mapping[str, Any]) -> Etag:
        """From what obstore tells of an object."""
        etag: Etag = about["e_tag"]
        return etag

    def version(self, etag: str) -> dict[str, str]:
        """What obstore is told of the object that may be replaced."""
        return {"e_tag": etag}

    def if_none_match(self, etag: str) -> str:
        return etag

    def redact(self, message: str) -> str:
        return message


class Stores:
    """The stores of one service, made when they are needed, and once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made: dict[tuple[Kind, float], Any] = {}
        self._lock = threading.Lock()

    def of(self, kind: Kind) -> Any:
        """For a request here and now.

        Raises EngineMisconfigured where obstore does not take the options, and after a fork; EngineUnavailable after the deadline.
        """
        check_process()
        left = deadlines.left()
        if left <= 0:
            raise EngineUnavailable(f"The call's time is over; nothing was asked of {self._service.location}.")
        wanted = kind, step(left)
        return self._made.get(wanted) or self._add(*wanted)

    def forget(self) -> None:
        """Their connections are closed when the last request on them has ended."""
        self._made = {}

    def _add(self, kind: Kind, seconds: float) -> Any:
        with self._lock:
            store = self._made.get((kind, seconds)) or self._make(kind, seconds)
            self._made[kind, seconds] = store
        return store

    def _make(self, kind: Kind, seconds: float) -> Any:
        from obstore import exceptions

        try:
            return self._service.make(kind, seconds)
        except (exceptions.BaseError, OSError, ValueError, TypeError) as error:
            said = self._service.redact(str(error).partition("\n")[0])
            raise EngineMisconfigured(f"obstore refuses the options of {self._service.location}: {said}") from error


class Network(Protocol):
    """The options that every service behind a network has."""

    @property
    def connect_timeout(self) -> float: ...
    @property
    def read_timeout(self) -> float: ...
    @property
    def max_pool_connections(self) -> int: ...


def transport(options: Network, kind: Kind, seconds: float, *, plain_http: bool, **more: Any) -> dict[str, Any]:
    """What obstore's store is told of time-outs, connections and repeating. ``more`` goes to its HTTP client."""
    client = {
        "allow_http": plain_http,
        "connect_timeout": timedelta(seconds=options.connect_timeout),
        "read_timeout": timedelta(seconds=options.read_timeout + kind.megabytes),
        "timeout": NEVER if seconds == math.inf else timedelta(seconds=seconds),
        "pool_max_idle_per_host": str(options.max_pool_connections),
        "user_agent": USER_AGENT,
        **more,
    }
    return {"client_options": client, "retry_config": {"max_retries": 0}}


def check_prefix(prefix: str) -> None:
    """Raises OptionError for a prefix that obstore would refuse in every name."""
    if not is_name(prefix + "x"):
        raise OptionError("The engine 'obstore' cannot hold the prefix of LOCATION: it has a control character or is no Unicode.")
