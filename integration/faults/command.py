"""``python -m integration faults``: plays the rounds that were asked for, and says what came of them.

The exit status is 1 where a value was wrong or an exception outside the policy. The others are figures: how much a cache forgot,
the longest call, and how long it took until the load was as fast as before.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from integration.faults import cluster, report
from integration.faults.rounds import ALLOWED, ENGINES, play
from integration.faults.scenes import SCENES

SECONDS = 600.0


def main(arguments: Sequence[str]) -> int:
    asked = parse(arguments)
    cells = []
    with cluster.running() as ceph:
        for fault in asked.fault:
            cells += play(fault, ceph, asked.engine, asked.seconds / len(asked.fault), asked.on_error)
            print(fault, flush=True)
    report.show(cells)
    if asked.json:
        report.write(cells, asked.json)
    return not report.is_good(cells)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m integration faults", description=__doc__)
    parser.add_argument("--fault", nargs="+", choices=SCENES, default=[*SCENES], metavar="FAULT", help=f"of {', '.join(SCENES)}")
    parser.add_argument(
        "--engine", nargs="+", choices=ENGINES, default=[*ENGINES], metavar="ENGINE", help=f"of {', '.join(ENGINES)}"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load, all faults together (default: 600)")
    parser.add_argument("--on-error", choices=ALLOWED, default="miss", help="the option ON_ERROR (default: miss)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args(arguments)
