"""The command line of ``python -m s3cache demo``.

Without --location the engine ``local`` gets a directory of its own that goes when the demo ends, so the demo leaves nothing behind.
The SECRET_KEY is new for each run; entries are signed with it unless ``--option SIGNING_KEY=...`` gives a lasting key.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import signal
import sys
from collections.abc import Mapping

from s3cache.demo.check import check
from s3cache.demo.server import Server
from s3cache.demo.settings import option
from s3cache.demo.starting import DemoFailed, configure, location

EXAMPLES = """
examples:
  python -m s3cache demo
  python -m s3cache demo --check
  python -m s3cache demo --engine boto3 --location s3://bucket/prefix --option endpoint_url=http://127.0.0.1:9000
  python -m s3cache demo --option COMPRESSOR=zstd --option SIGNING_KEY=a-lasting-secret --location /var/tmp/demo
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("--engine", default="local", help="the cache's ENGINE (default: local)")
    parser.add_argument("--location", help="the cache's LOCATION (default for local: a directory that goes when the demo ends)")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="NAME=VALUE",
        help="one of the cache's OPTIONS: upper case the cache's own, lower case the engine's; VALUE is JSON or text; repeatable",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", default=8000, type=port, help="the port to listen on; 0 for any free one (default: 8000)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="make the tour without a browser, print the times, and exit; "
        "it clears the cache on its way, so it refuses a location that holds entries",
    )
    parser.add_argument(
        "--clear", action="store_true", help="with --check: remove every entry at the location, whoever wrote it, and do not refuse"
    )
    parser.add_argument("--pages", default=26, type=pages, help="with --check: how many pages to visit (default: 26)")


def port(text: str) -> int:
    return whole(text, 0, 65535)


def pages(text: str) -> int:
    return whole(text, 3, 1000)


def whole(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, or make the tour.

    Gives 0; 1 where the tour found a fault, 2 where the demo cannot start, 130 where it was interrupted before.
    """
    # So that what the demo made is removed, whatever ends it; SIGINT too, which a shell's background job ignores from its start.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)
    try:
        with location(arguments) as place:
            configure(arguments, place)
            return check(arguments.pages) if arguments.check else serve(arguments)
    except DemoFailed as error:
        print(f"python -m s3cache demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def serve(arguments: argparse.Namespace) -> int:
    with listening(arguments.host, arguments.port) as server, contextlib.suppress(KeyboardInterrupt):
        print(welcome(arguments, server.url), flush=True)
        server.serve_forever()
    print("\nStopped.")
    return 0


def listening(host: str, port: int) -> Server:
    try:
        return Server(host, port)
    except OSError as error:
        reason = f"cannot listen on {host}, port {port}: {error.strerror or error}"
        raise DemoFailed(f"{reason}. Choose another --port, or 0 for any free one.") from error


def welcome(arguments: argparse.Namespace, url: str) -> str:
    python = platform.python_version()
    lines = [
        f"The standard library of Python {python}, cached with the engine {arguments.engine}.",
        f"Open {url} and stop with Ctrl-C.",
    ]
    if arguments.location is not None and not lasting(dict(arguments.option)):
        lines.append(
            "The entries are signed with a key of this run only; with --option SIGNING_KEY=... the next run can read them."
        )
    return "\n".join(lines)


def lasting(options: Mapping[str, object]) -> bool:
    """Whether another run can read what this one stores."""
    return "SIGNING_KEY" in options or options.get("SIGNING") is False
