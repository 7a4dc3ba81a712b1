"""A client as a program of its own, which a test can stop: one line of JSON says how its tasks ended.

Arguments: the address, the trace file, how many tasks, and a JSON object of arguments for the client.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import cluster_tasks as tasks

import isthmus


def main() -> None:
    address, trace, count, arguments = sys.argv[1:]
    options: dict[str, Any] = json.loads(arguments)
    ended: dict[str, Any] = {"values": 0, "errors": []}
    with isthmus.Client(address or None, **options) as client:
        futures = [client.submit(tasks.slow_append, trace, str(n), 0.01) for n in range(int(count))]
        print("submitted", flush=True)
        for n, future in enumerate(futures):
            error = future.exception()
            if error is not None:
                ended["errors"].append([type(error).__name__, str(error)])
            elif future.result() == str(n):
                ended["values"] += 1
    print(json.dumps(ended), flush=True)


main()
