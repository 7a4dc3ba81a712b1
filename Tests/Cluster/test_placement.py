"""Resources, labels and strategies: where tasks run, and that no worker is given more than it has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import Cluster, eventually

import isthmus


def most_at_once(trace: Path) -> int:
    """The largest amount that was taken at one instant, from the lines of `tasks.occupy`."""
    changes: list[tuple[float, int]] = []
    for line in trace.read_text().splitlines():
        start, end, amount = line.split()
        changes += [(float(start), int(amount)), (float(end), -int(amount))]
    highest = taken = 0
    for _, change in sorted(changes):
        taken += change
        highest = max(highest, taken)
    return highest


def test_one_tape_serves_one_task_at_a_time_and_the_other_slots_go_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.scheduler()
    cluster.worker("--resource", "tape=1", slots=4)
    client = cluster.client()
    tapes, plain = tmp_path / "tapes", tmp_path / "plain"
    taped = client.options(resources={"tape": 1})
    futures = [taped.submit(tasks.occupy, str(tapes), 0.05) for _ in range(12)]
    futures += [client.submit(tasks.occupy, str(plain), 0.05) for _ in range(12)]
    for future in futures:
        future.result(60)
    assert len(tapes.read_text().splitlines()) == 12
    assert most_at_once(tapes) == 1


@pytest.mark.parametrize(
    ("offer", "slots", "amounts"),
    [
        (("--resource", "cpu=2"), 8, [{"cpu": 0.5}] * 16 + [{"cpu": 2}] * 4 + [{"cpu": 1}] * 8),
        (("--resource", "memory=1GiB"), 4, [{"memory": "300MiB"}] * 12 + [{"memory": "1GiB"}] * 3),
        (("--resource", "licence=1.5"), 4, [{"licence": 0.5}] * 10 + [{"licence": 1}] * 5),
    ],
)
def test_what_runs_together_never_exceeds_the_offer(
    cluster: Cluster, tmp_path: Path, offer: tuple[str, str], slots: int, amounts: list[dict[str, object]]
) -> None:
    thousandths = {"300MiB": 300 * 1024, "1GiB": 1024 * 1024}
    has = {"cpu=2": 2000, "memory=1GiB": 1024 * 1024, "licence=1.5": 1500}[offer[1]]
    cluster.scheduler()
    cluster.worker(*offer, slots=slots)
    client = cluster.client()
    trace = tmp_path / "trace"
    futures = []
    for resources in amounts:
        (amount,) = resources.values()
        counted = thousandths[amount] if isinstance(amount, str) else int(1000 * float(str(amount)))
        futures.append(client.options(resources=resources).submit(tasks.occupy, str(trace), 0.03, counted))
    for future in futures:
        future.result(60)
    assert len(trace.read_text().splitlines()) == len(amounts)
    assert most_at_once(trace) <= has


def test_half_a_cpu_lets_two_run_at_once(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    cluster.worker("--resource", "cpu=1", slots=4)
    client = cluster.client()
    gate = tmp_path / "gate"
    halves = [
        client.options(resources={"cpu": 0.5}).submit(tasks.wait_for_file, str(gate), n) for n in range(3)
    ]
    eventually(lambda: sum(future.running() for future in halves) == 2, "two run")
    whole = client.submit(tasks.double, 1)
    eventually(lambda: cluster.verb("explain", str(whole.task_id)).returncode == 0, "it is known")
    assert cluster.listing("status")["tasks"]["running"] == 2
    gate.touch()
    assert [future.result(60) for future in [*halves, whole]] == [0, 1, 2, 2]


def test_an_impossible_request_is_explained_and_then_refused_with_words(cluster: Cluster) -> None:
    cluster.scheduler("--unservable-grace", "3")
    cluster.worker("--resource", "tape=1", "--resource", "memory=1GiB", slots=2)
    client = cluster.client()
    greedy = client.options(resources={"tape": 2}).submit(tasks.double, 1)
    behind = client.submit(tasks.double, greedy)
    impossible = {
        kind: client.options(resources={kind: amount}).submit(tasks.double, 1)
        for kind, amount in {"cpu": 3, "memory": "2GiB", "gpu": 1, "unicorn": 1}.items()
    }
    words = eventually(lambda: cluster.verb("explain", str(greedy.task_id)).stdout, "it is explained")
    assert "2 tape" in words
    assert "refused in" in words
    with pytest.raises(isthmus.TaskRefused, match="2 tape"):
        greedy.result(30)
    with pytest.raises(isthmus.DependencyFailed):
        behind.result(30)
    for kind, future in impossible.items():
        with pytest.raises(isthmus.TaskRefused, match=kind):
            future.result(30)
    assert client.submit(tasks.double, 1).result(30) == 2


def test_a_worker_that_joins_in_time_serves_what_no_other_can(cluster: Cluster) -> None:
    cluster.scheduler("--unservable-grace", "30")
    cluster.worker(name="plain")
    future = cluster.client().options(resources={"gpu": 1}).submit(tasks.double, 1)
    eventually(lambda: "refused in" in cluster.verb("explain", str(future.task_id)).stdout, "it waits")
    cluster.worker("--resource", "gpu=1", name="late")
    assert future.result(30) == 2


def test_what_an_expected_worker_can_run_waits_for_it_and_nothing_else(cluster: Cluster) -> None:
    cluster.scheduler("--expect", "gpu=2,cpu=4,label.zone=a")
    client = cluster.client()
    waiting = client.options(resources={"gpu": 1}, affinity={"zone": "a"}).submit(tasks.double, 1)
    with pytest.raises(isthmus.TaskRefused, match="none that is expected has it"):
        client.options(resources={"gpu": 3}).submit(tasks.double, 1).result(30)
    assert "--expect" in cluster.verb("explain", str(waiting.task_id)).stdout
    cluster.worker("--gpus", "2", "--label", "zone=a", slots=2)
    assert waiting.result(30) == 2
    # Also what depends on something that still runs.
    slow = client.submit(tasks.sleep_then, 3, 1)
    with pytest.raises(isthmus.TaskRefused, match="the most that one has is 2 gpu"):
        client.options(resources={"gpu": 3}).submit(tasks.double, slow).result(2)


def test_labels_choose_the_worker(cluster: Cluster) -> None:
    cluster.scheduler("--unservable-grace", "1")
    for name, *labels in (("a", "zone=a", "disk=ssd"), ("b", "zone=b", "disk=ssd"), ("c", "zone=c")):
        cluster.worker(*[word for label in labels for word in ("--label", label)], name=name, slots=2)
    client = cluster.client()

    def where(**options: object) -> set[str]:
        view = client.options(**options)
        futures = [view.submit(tasks.sleep_then, 0.01, None) for _ in range(20)]
        names = {node["id"]: node["name"] for node in cluster.nodes()}
        for future in futures:
            future.result(30)
        return {names[future.outcome.worker] for future in futures if future.outcome}

    assert where(affinity={"zone": "b"}) == {"b"}
    assert where(affinity={"disk": "ssd"}, anti_affinity={"zone": "a"}) == {"b"}
    assert where(anti_affinity={"disk": "ssd"}) == {"c"}
    assert where(affinity={"disk": "ssd"}) == {"a", "b"}
    with pytest.raises(isthmus.TaskRefused, match="zone=d"):
        client.options(affinity={"zone": "d"}).submit(tasks.double, 1).result(30)
    with pytest.raises(isthmus.TaskRefused, match="zone=a"):
        client.options(affinity={"zone": "a"}, anti_affinity={"zone": "a"}).submit(tasks.double, 1).result(30)


def test_spread_puts_a_function_on_different_workers(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    for name in "abc":
        cluster.worker(name=name, slots=3)
    client = cluster.client()
    gate = tmp_path / "gate"
    view = client.options(spread=True)
    futures = [view.submit(tasks.wait_for_file, str(gate), n) for n in range(3)]
    for future in futures:
        eventually(future.running, "it runs")
    gate.touch()
    assert [future.result(30) for future in futures] == [0, 1, 2]
    counts = Counter(future.outcome.worker for future in futures if future.outcome)
    assert list(counts.values()) == [1, 1, 1]


@pytest.mark.parametrize("strategy", ["combined", "least_loaded", "round_robin", "work_stealing"])
def test_each_strategy_runs_a_graph(cluster: Cluster, strategy: str) -> None:
    cluster.scheduler("--placement", strategy)
    cluster.worker(name="one", slots=2)
    cluster.worker("--resource", "tape=1", name="two", slots=2)
    client = cluster.client()
    taped = client.options(resources={"tape": 1})
    leaves = [client.submit(tasks.double, n) for n in range(400)]
    middle = [client.submit(tasks.slow_sum, leaves[n : n + 20]) for n in range(0, 400, 20)]
    middle += [taped.submit(tasks.slow_sum, leaves[n : n + 100]) for n in range(0, 400, 100)]
    assert client.submit(tasks.slow_sum, middle).result(60) == 2 * sum(2 * n for n in range(400))


def test_an_unknown_strategy_is_a_wrong_command_line(cluster: Cluster) -> None:
    process = cluster.start(
        "wrong", "scheduler", "--directory", str(cluster.directory), "--placement", "magic"
    )
    cluster.expected_dead.add("wrong")
    assert process.wait(30) == 2
    assert "work_stealing" in cluster.log("wrong")


def test_a_drained_worker_ends_what_runs_and_the_rest_runs_elsewhere(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.scheduler()
    leaving = cluster.worker(name="leaving", slots=2)
    client = cluster.client()
    gates = [tmp_path / "gate0", tmp_path / "gate1"]
    running = [client.submit(tasks.wait_for_file, str(gate), "here") for gate in gates]
    for future in running:
        eventually(future.running, "it runs")
    waiting = [client.submit(tasks.pid, n) for n in range(50)]
    last = client.submit(len, waiting)
    cluster.expected_dead.add("leaving")
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] == 53, "all are accepted")
    assert cluster.verb("drain", "leaving").returncode == 0
    assert "draining" in cluster.verb("explain", str(waiting[-1].task_id)).stdout
    cluster.worker(name="staying")
    names = {node["id"]: node["name"] for node in cluster.nodes()}
    assert last.result(30) == 50
    assert {names[future.outcome.worker] for future in waiting if future.outcome} == {"staying"}
    assert not any(future.done() for future in running)
    for gate in gates:
        gate.touch()
    assert [future.result(30) for future in running] == ["here", "here"]
    assert leaving.wait(30) == 0
    assert {future.outcome.attempt for future in running if future.outcome} == {1}
