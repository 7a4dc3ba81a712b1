"""What a user may ask for a task, and what of it travels."""

from __future__ import annotations

import operator
from typing import Any

import client_tasks as tasks
import pytest

import isthmus
from isthmus import Client
from isthmus import _wire as wire
from isthmus.options import TaskOptions


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"deadline": 1.5}, {"deadline_ms": 1500}),
        ({"deadline": 0}, {"deadline_ms": 1}),
        ({"backoff": 0.25, "backoff_max": 60}, {"backoff_ms": 250, "backoff_max_ms": 60_000}),
        ({"retry_on": OSError}, {"retry_on": "OSError"}),
        (
            {"retry_on": (ConnectionError, isthmus.TaskLost, "shop.NoStock")},
            {"retry_on": "ConnectionError\nisthmus.errors.TaskLost\nshop.NoStock"},
        ),
        ({"retry_on": ("__main__.Flaky", "builtins.OSError")}, {"retry_on": "Flaky\nOSError"}),
        (
            {"resources": {"memory": "2GiB", "cpu": 0.5, "gpu": 1, "licence": 2}},
            {
                "resource.cpu": 500,
                "resource.gpu": 1000,
                "resource.licence": 2000,
                "resource.memory": 2 << 30,
            },
        ),
        ({"resources": {"memory": 123}}, {"resource.memory": 123}),
        ({"resources": {"memory": "1.5 MB"}}, {"resource.memory": 1_500_000}),
        ({"affinity": {"zone": "a", "disk": "ssd"}}, {"affinity": "disk=ssd\nzone=a"}),
        ({"anti_affinity": {"zone": "b"}}, {"anti_affinity": "zone=b"}),
        ({"spread": True}, {"spread": True}),
        ({"spread": False}, {}),
    ],
)
def test_options_as_fields(options: dict[str, Any], fields: dict[str, Any]) -> None:
    assert TaskOptions().changed(options).fields() == fields
    assert TaskOptions().changed(options) == TaskOptions().changed(options)
    assert hash(TaskOptions().changed(options)) == hash(TaskOptions().changed(options))


def test_every_option_matters_but_the_silent_one() -> None:
    fields = TaskOptions(deadline=1, spread=True, quiet=True).fields()
    record = wire.define_options(1, fields)
    flags = {}
    offset = wire.RECORD_HEADER_BYTES + 8
    for name in fields:
        flags[name] = record[offset]
        _, offset = wire.decode_fields(record, offset, 1)
    assert flags == {"deadline_ms": 1, "spread": 1, "quiet": 0}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"deadline": "soon"}, TypeError, "deadline is a number of seconds"),
        ({"backoff": -1}, ValueError, "backoff is between 0"),
        ({"retry_on": 3}, TypeError, "exception classes or their names"),
        ({"retry_on": ()}, ValueError, "names no exception"),
        ({"resources": ["gpu"]}, TypeError, "resources is a dict"),
        ({"resources": {"gpu": "one"}}, TypeError, "the resource gpu is a number"),
        ({"resources": {"gpu": -1}}, ValueError, "the resource gpu is a number from 0"),
        ({"resources": {"gpu": 0.0001}}, ValueError, "thousandths"),
        ({"resources": {"gpu": 1.5}}, ValueError, "a whole number of gpus, or less than 1"),
        ({"resources": {"memory": "much"}}, ValueError, "2GiB"),
        ({"resources": {"two words": 1}}, ValueError, "a name has letters"),
        ({"affinity": "zone=a"}, TypeError, "affinity is a dict"),
        ({"affinity": {"zone": 1}}, TypeError, "'zone' is a text"),
        ({"anti_affinity": {"zone": "a\nb"}}, ValueError, "one line"),
        ({"spread": "yes"}, TypeError, "spread is True or False"),
    ],
)
def test_what_cannot_be_meant_is_refused_here(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        TaskOptions().changed(options)


@isthmus.task(retries=2, timeout=60)
def shout(text: str, mark: str = "!") -> str:
    """Text and a mark."""
    return text.upper() + mark


@isthmus.task
def join(parts: Any, separator: str = "-") -> str:
    return separator.join(parts)


def test_a_decorated_function_is_still_one(client: Client) -> None:
    assert shout("a") == "A!"
    assert shout.__doc__ == "Text and a mark."
    assert client.submit(shout, "b", mark="?").result(60) == "B?"
    assert list(client.map(shout, ["a", "b"])) == ["A!", "B!"]


def test_options_of_the_view_count_more_than_those_of_the_function(cluster: Client) -> None:
    nap = isthmus.task(timeout=0.2, name="nap")(tasks.nap)
    with pytest.raises(isthmus.TaskTimeout, match=r"0\.2 s|200 ms|timeout"):
        cluster.submit(nap, 60).result(60)
    assert cluster.options(timeout=60).submit(nap, 0.5, "slept").result(60) == "slept"
    assert cluster.submit(nap.options(timeout=60), 0.5, "slept").result(60) == "slept"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retires": 3}, r"options\(\) has no option 'retires'; did you mean 'retries'\?"),
        ({"anti_afinity": {}}, "did you mean 'anti_affinity'"),
        ({"colour": "red"}, "'colour'; there are timeout, grace, retries"),
        ({"quiet": True}, "no option 'quiet'"),
    ],
)
def test_a_misspelt_option_is_named_with_the_nearest_one(
    client: Client, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        client.options(**options)
    with pytest.raises(TypeError, match=words.replace("options", "task")):
        isthmus.task(**options)
    with pytest.raises(TypeError, match=words):
        shout.options(**options)


def test_retries_of_a_decorated_function(cluster: Client, tmp_path: Any) -> None:
    trace = tmp_path / "trace"

    @isthmus.task(retries=2)
    def stubborn(path: str) -> None:
        tasks.leave_a_trace(path, "try")
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        cluster.submit(stubborn, str(trace)).result(60)
    assert trace.read_text() == "try\n" * 3


def test_methods_of_the_function_use_the_current_client(client: Client) -> None:
    with pytest.raises(isthmus.ClusterError, match="no client is current"):
        shout.submit("a")
    with Client(client.address):
        assert shout.submit("a").result(60) == "A!"
        assert list(shout.map("ab")) == ["A!", "B!"]
        assert join.delayed([shout.delayed("x"), "y"]).compute() == "X!-y"


def test_a_graph_of_nodes(client: Client, tmp_path: Any) -> None:
    trace = tmp_path / "trace"
    leave = isthmus.task(tasks.leave_a_trace)
    shared = leave.delayed(str(trace), "once")
    left = join.delayed([shared, shout.delayed("b")])
    right = join.delayed(({"k": "c"}["k"], shared), separator="+")
    last = isthmus.task(dict).delayed(both=[left, {"right": right}])
    assert not trace.exists()
    assert client.compute(last).result(60) == {"both": ["once-B!", {"right": "c+once"}]}
    assert trace.read_text() == "once\n"
    futures = client.compute([left, right, left])
    assert [future.result(60) for future in futures] == ["once-B!", "c+once", "once-B!"]
    assert trace.read_text() == "once\nonce\n"


def test_a_node_that_fails_fails_its_dependants(client: Client) -> None:
    bad = isthmus.task(tasks.refuse).delayed(1)
    future, other = client.compute([join.delayed([bad]), shout.delayed("a")])
    with pytest.raises(ValueError, match="refused"):
        future.result(60)
    assert other.result(60) == "A!"


def test_a_node_is_no_value(client: Client) -> None:
    node = shout.delayed("a")
    with pytest.raises(TypeError, match=r"client\.compute"):
        client.submit(operator.not_, node).result(60)
    with pytest.raises(TypeError, match="takes what `delayed` made"):
        client.compute([node, 3])  # type: ignore[list-item]
