"""A plugin of pytest: whatever scheduler Dask's own tests name, their graphs run on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dask
import dask.base
import dask.multiprocessing
import dask.threaded
import pytest

import isthmus

dask.threaded.get = dask.local.get_sync = dask.multiprocessing.get = isthmus.dask_get
for _name in dask.base.named_schedulers:
    dask.base.named_schedulers[_name] = isthmus.dask_get


@pytest.fixture(scope="session")
def client() -> Iterator[isthmus.Client]:
    with isthmus.Client(os.environ["ISTHMUS_TEST_ADDRESS"]) as client:
        yield client


@pytest.fixture(autouse=True)
def default(client: isthmus.Client) -> Iterator[None]:
    """Collections have schedulers of their own: where a test names none, it is this one."""
    with dask.config.set(scheduler=isthmus.dask_get):
        yield
