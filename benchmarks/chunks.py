"""`python -m benchmarks.chunks ENGINE SLOTS [--as-written]`: a program of Dask's over 400 chunks of 8 MB.

Dask makes one task of each chunk's steps; `--as-written` leaves them apart, so that chunks go from task to
task. Prints the seconds. Whoever starts it watches what it takes (`accounting.watched`).
"""

from __future__ import annotations

import sys
import time
from typing import Any

CHUNKS = 400
ELEMENTS = 1_000_000
#: The engines that run graphs of Dask's.
ENGINES = ("isthmus", "dask")


def main() -> None:
    name, slots, *flags = sys.argv[1:]
    import dask.array as da

    client: Any
    options: dict[str, Any] = {"optimize_graph": False} if flags else {}
    if name == "isthmus":
        import isthmus

        client = isthmus.Client(slots=int(slots))
        options["scheduler"] = client.dask_get
        stop = [client.shutdown]
    else:
        from distributed import Client, LocalCluster

        cluster = LocalCluster(
            n_workers=int(slots), threads_per_worker=1, processes=True, dashboard_address=None
        )
        client = Client(cluster)
        stop = [client.close, cluster.close]
    client.submit(abs, -1).result()
    numbers = da.random.random((CHUNKS * ELEMENTS,), chunks=ELEMENTS)
    started = time.perf_counter()
    total = (numbers + 1).sum().compute(**options)
    seconds = time.perf_counter() - started
    if not 1.49 < total / (CHUNKS * ELEMENTS) < 1.51:
        sys.exit(f"the sum is {total}")
    print(f"RESULT {seconds}")
    for call in stop:
        call()


if __name__ == "__main__":
    main()
