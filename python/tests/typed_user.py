"""What a user may write: `test_typing.py` has mypy and pyright read it.

They must accept all of it, but for the lines that end with `# wrong`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Iterator

import isthmus
from isthmus import Client, Future, as_completed, swift, task, wait


def add(x: int, y: int = 1) -> int:
    return x + y


def total(numbers: list[int], factor: int = 1) -> int:
    return sum(numbers) * factor


def table(numbers: dict[str, int]) -> list[str]:
    return list(numbers)


async def fetch(url: str) -> bytes:
    await asyncio.sleep(0)
    return url.encode()


class Model:
    def __init__(self, size: int) -> None:
        self.size = size

    def score(self, value: float) -> float:
        return value * self.size


@task
def halve(value: float) -> float:
    return value / 2


@task(retries=2, timeout=1.5, resources={"cpu": 0.5, "memory": "1GB"}, retry_on=(OSError, "KeyError"))
def join(words: list[str], by: str = " ") -> str:
    return by.join(words)


def values(client: Client) -> None:
    number: Future[int] = client.submit(add, 1, y=2)
    result: int = number.result()
    words: Future[list[str]] = client.submit(str.split, "a b")
    power: int = client.submit(pow, 2, 10).result()
    maker: Future[Model] = client.submit(Model, 3)
    score: float = client.submit(Model(2).score, 1.5).result()
    lazily: int = client.submit(lambda: 1).result()
    native: object = client.submit(swift("tokenize"), "text").result()
    outcome = number.outcome
    print(result, words, power, maker, score, lazily, native, outcome and outcome.worker)


def graphs(client: Client) -> None:
    one = client.submit(add, 1)
    words = client.submit(str.split, "a b")
    both: Future[int] = client.submit(add, one, one)
    length: Future[int] = client.submit(len, words)
    many: Future[int] = client.submit(total, [one, both], 2)
    factor: Future[int] = client.submit(total, [1, 2], factor=one)
    named: Future[list[str]] = client.submit(table, {"one": one, "both": both})
    kept: Future[list[str]] = client.submit(table, numbers=client.submit(dict, one=1))
    later: Future[float] = halve.submit(length)
    text: str = join.submit(words, by="-").result()
    plain: float = halve(3.0)
    node = join.delayed(["a"], by=",")
    value: Future[str] = client.compute(node)
    print(many, factor, named, kept, later, text, plain, value)


def collections(client: Client) -> None:
    futures = [client.submit(add, n) for n in range(3)]
    names = dict.fromkeys(futures, "some")
    for future in as_completed(futures, timeout=10):
        print(names[future], future.result() + 1, future.task_id)
    for plain in concurrent.futures.as_completed(futures):
        print(plain.result() + 1)
    done, rest = wait(futures, return_when=isthmus.FIRST_COMPLETED)
    print([future.result() + 1 for future in done], len(rest))
    sums: Iterator[int] = client.map(add, range(3), range(3), timeout=5, chunksize=2)
    floats: list[float] = list(client.options(retries=1).map(halve, [1.0, 2.0]))
    shown: list[int] = list(client.map(lambda n: n + 1, [1, 2], progress=True))
    print(sums, floats, shown, isthmus.progress(futures)[0].result() + 1)


async def coroutines(client: Client) -> bytes:
    body: bytes = await client.submit(fetch, "a")
    future: Future[bytes] = await client.submit_async(fetch, "a")
    number: int = await client.submit(add, 1)
    return body * number + await future


def options(client: Client) -> None:
    view = client.options(retries=2, timeout=3, name="quick", priority=-1, result="neutral", mode="process")
    view.options(affinity={"zone": "a"}, spread=True, deadline=None, backoff=0.5).submit(add, 1).result()
    Client(max_workers=2, forward_output=True, initializer=print, initargs=("ready",)).shutdown()
    client.cancel_all(running=True)


def scale(value: int, by: float, words: str) -> str:
    return words * value


async def both(first: int, second: int) -> int:
    return first + second


def mixed(client: Client) -> None:
    one, words, many = client.submit(abs, 1), client.submit(str, 2), [client.submit(abs, 3)]
    text: Future[str] = client.submit(scale, one, 1.5, words)
    named: Future[str] = client.submit(scale, one, by=1.5, words="a")
    later: Future[str] = client.submit(scale, 2, by=client.submit(float, 3), words=words)
    number: Future[int] = client.submit(both, one, 2)
    large: Future[int] = client.submit(max, one, one)
    length: Future[int] = client.submit(total, many, one)
    size: Future[int] = client.submit(lambda a, b: len(a) + b, many, one)
    print(text, named, later, number, large, length, size)


def missing(client: Client) -> None:
    one, words = client.submit(abs, 1), client.submit(str, 2)
    client.submit(scale)  # wrong
    client.submit(scale, 1)  # wrong
    client.submit(scale, 1, 2.5)  # wrong
    client.submit(add)  # wrong
    client.submit(add, 1, 2, 3)  # wrong
    client.submit(add, one, 2, 3)  # wrong
    client.submit(scale, one)  # wrong
    client.submit(scale, one, 2.5)  # wrong
    client.submit(scale, one, 2.5, words, 3)
    client.submit(total)  # wrong
    client.submit(total, [one], 1, 2)  # wrong
    client.submit(both, 1)  # wrong
    client.submit(both, 1, one, 2)  # wrong
    client.submit(add, words, 2)  # wrong
    client.submit(scale, 1, 2.5).result()  # wrong
    kept: Future[str] = client.submit(scale, 1)  # wrong
    halve.submit()  # wrong
    print(kept)


async def missing_in_a_coroutine(client: Client) -> None:
    await (await client.submit_async(scale, 1)).result()  # wrong
    future: Future[str] = await client.submit_async(scale, 1)  # wrong
    await client.submit_async(add, 1, 2, 3)  # wrong
    print(future)


def errors(client: Client) -> None:
    client.submit(add, "x")  # wrong
    client.submit(add, 1, "x")  # wrong
    client.submit(add, 1, z=3)  # wrong
    client.submit(fetch, 1)  # wrong
    client.submit(Model, "large")  # wrong
    client.options(retries=1).submit(add, "x")  # wrong
    halve.submit("x")  # wrong
    client.map(add, ["x"])  # wrong
    client.options(retrys=2)  # wrong
    client.options(timeout="3")  # wrong
    client.options(mode="fibre")  # wrong
    task(bogus=1)  # wrong
    halve.options(retries="two")  # wrong
    words: str = client.submit(add, 1).result()  # wrong
    Client(slots="two")  # wrong
    print(words)
