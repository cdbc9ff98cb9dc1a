"""Faults on real servers under a mixed load: no wrong value ever, no exception outside the policy, and back to work in seconds.

    python -m integration faults                                   every fault over every engine, and a table of what came of it
    python -m integration faults --fault osd-killed --engine boto3 --seconds 40 --json FILE

A round is one fault. All engines work at once on one bucket, each in processes of its own; what one writes the others read, too.

    values.py      what is stored: values that say under which key they were written, and as which write of it
    history.py     what the load remembers: writes, reads and calls, with their times
    checker.py     pure: which reads are wrong, by the rule that it states, and what was lost
    timeline.py    pure: calls per second, the longest call, and how long it took to be as fast as before
    load.py        the mixed load: one owner of some keys, who alone writes these and reads all
    worker.py      a process of owners
    workers.py     starts and stops these processes
    cluster.py     Ceph with three storage daemons: is it well, fill it, free it
    scenes.py      the faults
    rounds.py      one round: load, fault, recovery, verdict
    report.py      the table, and JSON
    command.py     the command
"""
