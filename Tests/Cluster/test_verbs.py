"""The verbs of the command line against a running cluster, and without one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cluster_tasks as tasks
import pytest
from cluster_kit import BINARY, Cluster, eventually, is_alive


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A folder of mode 0700 whose path leaves room for the name of a socket."""
    directory = Path(tempfile.mkdtemp(prefix="isthmus-verbs-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BINARY), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "ISTHMUS_CONTROL"} | environment,
    )


def start_up(directory: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`isthmus up` with a standard input that stays open."""
    return subprocess.Popen(
        [str(BINARY), "up", "--slots", "1", "--directory", str(directory), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def ready_line(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    line: dict[str, object] = json.loads(process.stdout.readline())
    return line


def test_the_version_and_completions_are_options(cluster: Cluster) -> None:
    assert run("--version").stdout == run("version").stdout
    script = run("--generate-completion-script", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert "explain" in script


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--gpus", "x,,y", "a name is empty"),
        ("--gpus", ",", "a name is empty"),
        ("--python", "/bin/ls", "/bin/ls is no Python"),
        ("--python", "/tmp", "/tmp is a folder"),
        ("--swift", "/bin/true", "`TaskRegistry`"),
        ("--swift", "", '--swift "" is empty'),
        ("--python", "", '--python "" is empty'),
        ("--gpus", " ", '--gpus " " is empty'),
        ("--name", "", '--name "": give a name'),
        ("--name", "a\nb", r'--name "a\nb": give a name'),
        ("--keys", "/tmp", "give --listen"),
        ("--memory-max", "-1", "'-1' is invalid"),
        ("--memory-max", "1", "at least 32MiB"),
        ("--memory-max", "0", "such as 500MB"),
        ("--memory-max", "inf", "such as 500MB"),
        ("--resource", "cpu", "give name=amount"),
        ("--resource", "cpu=", "give name=amount"),
        ("--resource", "cpu=-1", "a number from 0"),
        ("--resource", "cpu=nan", "a number from 0"),
        ("--resource", "cpu=1e300", "a number from 0"),
        ("--resource", "cpus=2", "is called cpu"),
        ("--resource", "GPU=2", "is called gpu"),
        ("--resource", "a b=2", "letters, digits"),
        ("--resource", "tape=0.0001", "counted in thousandths"),
        ("--resource", "gpu=1.5", "whole gpus"),
        ("--resource", "memory=0", "such as 500MB"),
        ("--label", "zone", "is not key=value"),
        ("--label", "zone=", "give a value after the ="),
        ("--label", "zone=a\nb=c", "in one line"),
        ("--expect", "", "give name=amount"),
        ("--expect", "cpu=1,cpu=2", "cpu is named twice"),
        ("--expect", "label.a=b,label.a=c", "label.a is named twice"),
        ("--worker-lease", "0", "from 0.1 to 1000000"),
        ("--worker-lease", "nan", "from 0.1 to 1000000"),
        ("--client-lease", "1", "from 3 to 1000000"),
        ("--client-lease", "100000", "--client-lease-max"),
        ("--client-lease-max", "20", "--client-lease as well"),
        ("--unservable-grace", "-1", "or never"),
        ("--unservable-grace", "1e-9", "or never"),
        ("--give-up-after", "soon", "or never"),
        ("--initializer-timeout", "0", "from 0.001"),
        ("--placement", "", '--placement ""'),
        ("--log-level", "", '--log-level ""'),
        ("--slots", "-1", "at least 1"),
        ("--slots", "1000000", "at most 1024"),
    ],
)
def test_a_wrong_choice_for_a_worker_is_told_in_a_line(
    short_directory: Path, option: str, value: str, words: str
) -> None:
    others = ["--no-python"] if option == "--swift" else []
    done = run("up", "--directory", str(short_directory), option, value, *others)
    assert done.returncode in {1, 2}
    complaint = done.stderr[done.stderr.find("isthmus: ") :] if "isthmus: " in done.stderr else done.stderr
    assert words in complaint
    # What is wrong is told before anything is started; only a Swift executor has to be tried.
    assert "scheduler listens" not in done.stderr or value == "/bin/true"
    assert done.stdout == ""
    assert "sysconfig" not in complaint
    assert 'why=""' not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--slots", "1", "--slots", "2"), '--slots is given twice, as "1" and "2"'),
        (("--slots=2", "--slots", "2"), "--slots is given twice"),
        (("--resource", "cpu=1", "--resource", "cpu=2"), "--resource cpu=1 and --resource cpu=2"),
        (("--resource", "cpu=1", "--resource", "cpu=1"), "give one amount of cpu"),
        (("--label", "a=b", "--label", "a=c"), "--label a=b and --label a=c"),
        (("--resource", "gpu=1", "--gpus", "1"), "leave --resource gpu= out"),
        (
            ("--client-lease", "100", "--client-lease-max", "20"),
            "--client-lease 100 s is longer than the 20 s",
        ),
        (("--python", "python3", "--no-python"), "exclude each other"),
        (("--control-listen", "localhost:0"), "go together"),
        (
            ("--listen", "tcp://127.0.0.1:7", "--listen", "tcp://127.0.0.1:7", "--keys", "k"),
            "--listen tcp://127.0.0.1:7 is given twice",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    short_directory: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run("up", "--directory", str(short_directory), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("worker", "--connect", ""), '"" is not an address'),
        (("worker", "--connect", "ipc:///tmp/x", "--keys", "k"), "--keys is for tcp addresses"),
        (("worker", "--connect", "ipc:///tmp/x", "--name", " "), "give a name"),
        (("worker", "--connect", "a", "--connect", "b"), '--connect is given twice, as "a" and "b"'),
        (("up", "--directory", ""), '--directory "" is empty'),
        (("scheduler", "--directory", " "), '--directory " " is empty'),
        (("keys", "--directory", ""), '--directory "" is empty'),
        (("tasks", "--limit", str(2**63 - 1)), "at most 100000000"),
        (("tasks", "--client", ""), '--client "" is empty'),
        (("tasks", "--worker", " "), '--worker " " is empty'),
        (("tasks", "--control", ""), '--control "" is empty'),
        (("status", "--token-file", ""), '--token-file "" is empty'),
        (("status", "--authority", ""), '--authority "" is empty'),
        (("simulate", "--nodes", "0"), "--nodes 0: it is 1 to 50000"),
        (("simulate", "--seeds", "0"), "--seeds 0: it begins at 1"),
        (("simulate", "--steps", "0"), "--steps 0: it begins at 1"),
        (("simulate", "--trace", ""), '--trace "" is empty'),
    ],
)
def test_no_verb_takes_an_option_for_something_else(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_trace_that_cannot_be_written_is_known_before_the_campaign(tmp_path: Path) -> None:
    done = run("simulate", "--seeds", "1000000", "--trace", str(tmp_path / "no" / "trace"))
    assert (done.returncode, "cannot be written" in done.stderr) == (1, True)


def test_only_what_says_so_may_be_repeated() -> None:
    """Of every option of every verb, as the parser itself describes them."""
    tool = json.loads(run("--experimental-dump-help").stdout)
    for verb in tool["command"]["subcommands"]:
        for option in verb.get("arguments", []):
            if option["kind"] != "option" or not option["shouldDisplay"]:
                continue
            name = "--" + option["names"][0]["name"]
            done = run(verb["commandName"], name, "x", name, "x")
            assert ("is given twice" in done.stderr) is not option["isRepeating"], (verb["commandName"], name)


def test_a_number_may_be_negative_and_is_refused_as_one() -> None:
    assert "it must be at least 1" in run("tasks", "--limit", "-1").stderr
    assert "'-1' is invalid" in run("simulate", "--seeds", "-1").stderr


def test_watching_shows_again_until_it_is_interrupted(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker()
    future = cluster.client().options(name="seen").submit(tasks.double, 1)
    future.result(30)
    with subprocess.Popen(
        [str(BINARY), "tasks", "--watch", "--control", str(cluster.directory)],
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        lines = [watching.stdout.readline() for _ in range(5)]
        watching.send_signal(signal.SIGINT)
    # Title and row, a blank line, title and row.
    assert [line.split()[0] if line.strip() else "" for line in lines[:3]] == ["TASK", future.task_id, ""]
    assert lines[3].startswith("TASK")
    assert "seen" in lines[4]


@pytest.mark.parametrize("arguments", [("status",), ("nodes", "--json"), ("tasks",)])
def test_what_cannot_be_written_is_an_error(cluster: Cluster, arguments: tuple[str, ...]) -> None:
    cluster.scheduler()
    command = [str(BINARY), *arguments, "--control", str(cluster.directory)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, b"No space left" in done.stderr) == (1, True)


def test_watching_ends_with_its_reader(cluster: Cluster) -> None:
    cluster.scheduler()
    command = [str(BINARY), "tasks", "--watch", "--control", str(cluster.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == 1
        assert process.stderr.read() == b""


def test_a_drain_leaves_a_line_in_the_log_of_the_worker(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(name="tired")
    cluster.expected_dead.add("tired")
    cluster.listing("drain", "tired")
    assert cluster.processes["tired"].wait(timeout=30) == 0
    assert "draining on request" in cluster.log("tired")


def test_every_listing_verb_speaks_json(cluster: Cluster) -> None:
    cluster.scheduler("--name", "lab")
    cluster.worker("--label", "zone=a", name="one", slots=2)
    client = cluster.client()
    future = client.submit(tasks.talk, "hello")
    assert future.result(60) == "hello"
    task = str(future.task_id)

    status = cluster.listing("status")
    assert (status["name"], status["workers"], status["clients"], status["slots"]) == ("lab", 1, 1, 2)
    assert status["totals"]["submitted"] >= 1
    assert status["totals"]["values"] >= 1
    assert 0 < status["resident_bytes"] < 300 << 20

    nodes = cluster.listing("nodes")
    assert [node["name"] for node in nodes["nodes"]] == ["one"]
    assert nodes["nodes"][0]["slots"] == 2
    assert nodes["nodes"][0]["python"]
    assert len(nodes["clients"]) == 1

    listed = cluster.listing("tasks", "--state", "ended")
    assert task in [entry["task"] for entry in listed["tasks"]]
    assert listed["more"] is False

    explained = cluster.listing("explain", task)
    assert explained["task"]["task"] == task
    assert explained["task"]["status"] == "value"
    assert explained["summary"]

    written = {part["stream"]: part["text"] for part in cluster.listing("output", task)["parts"]}
    assert "printed hello" in written["stdout"]
    assert "complained hello" in written["stderr"]

    assert cluster.listing("cancel", task) == {"task": task, "cancelled": False}


def test_tables_are_aligned(cluster: Cluster) -> None:
    cluster.scheduler()
    cluster.worker(name="one")
    heading, row = cluster.verb("nodes").stdout.splitlines()[:2]
    assert row[heading.index("NAME") :].startswith("one ")
    assert row[heading.index("STATE") :].startswith("connected")


def test_a_waiting_task_is_cancelled_by_hand(cluster: Cluster) -> None:
    cluster.scheduler()
    future = cluster.client().submit(tasks.double, 1)
    task = str(future.task_id)
    eventually(lambda: cluster.verb("explain", task).returncode == 0, "the task is known")
    assert cluster.listing("cancel", task)["cancelled"] is True
    eventually(future.done, "the client learns of it")
    assert future.cancelled()


def test_a_drained_worker_finishes_and_leaves(cluster: Cluster, tmp_path: Path) -> None:
    cluster.scheduler()
    worker = cluster.worker(name="leaving")
    gate = tmp_path / "gate"
    running = cluster.client().submit(tasks.wait_for_file, str(gate), 1)
    eventually(running.running, "it runs")
    cluster.expected_dead.add("leaving")
    assert cluster.verb("drain", "leaving").returncode == 0
    eventually(lambda: cluster.nodes()[0]["state"] == "draining", "it is shown as draining")
    gate.touch()
    running.result(60)
    assert worker.wait(30) == 0
    assert cluster.nodes() == []


def test_a_page_of_tasks_says_that_there_are_more(cluster: Cluster) -> None:
    cluster.scheduler()
    client = cluster.client()
    futures = [client.submit(tasks.double, n) for n in range(30)]
    eventually(lambda: cluster.listing("status")["tasks"]["unfinished"] == 30, "all are accepted")
    shown = cluster.listing("tasks", "--limit", "7")
    assert (len(shown["tasks"]), shown["more"]) == (7, True)
    shown = cluster.listing("tasks", "--limit", "30")
    assert (len({task["task"] for task in shown["tasks"]}), shown["more"]) == (30, False)
    for future in futures:
        future.cancel()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("explain", "abc-77"), 1, "no task"),
        (("output", "nonsense"), 2, "SESSION-SEQUENCE"),
        (("cancel", "abc-77"), 1, "no task"),
        (("drain", "nobody"), 1, "isthmus nodes"),
        (("tasks", "--limit", "0"), 2, "it must be at least 1"),
        (("tasks", "--limit", "-1"), 2, "it must be at least 1"),
        (("tasks", "--state", "sleeping"), 2, "sleeping"),
        (("tasks", "--client", "nobody"), 2, "nobody"),
        (("tasks", "--worker", "nobody"), 2, "nobody"),
        (("status", "--token-file", "x"), 2, "--token-file is for https addresses"),
        (("explain", ""), 2, "SESSION-SEQUENCE"),
        (("cancel", " "), 2, "SESSION-SEQUENCE"),
        (("output", ""), 2, "SESSION-SEQUENCE"),
        (("drain", ""), 1, "isthmus nodes"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    cluster: Cluster, arguments: tuple[str, ...], code: int, words: str
) -> None:
    cluster.scheduler()
    done = cluster.verb(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert words in done.stderr


def test_an_unknown_verb_is_a_wrong_command_line() -> None:
    done = run("nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_without_a_cluster(tmp_path: Path) -> None:
    done = run("status", XDG_RUNTIME_DIR=str(tmp_path))
    assert done.returncode == 3
    assert "isthmus up" in done.stderr
    done = run("status", "--control", str(tmp_path / "control.sock"))
    assert done.returncode == 3
    assert "isthmus up" in done.stderr


def test_the_only_cluster_is_found_and_several_are_listed(short_directory: Path) -> None:
    runtime = short_directory
    first = start_up(runtime / "isthmus" / "a", "--name", "first")
    second = None
    try:
        ready_line(first)
        done = run("status", "--json", XDG_RUNTIME_DIR=str(runtime))
        assert json.loads(done.stdout)["name"] == "first"
        second = start_up(runtime / "isthmus" / "b")
        control = str(ready_line(second)["control"])
        done = run("status", XDG_RUNTIME_DIR=str(runtime))
        assert done.returncode == 3
        assert control in done.stderr
        assert run("status", XDG_RUNTIME_DIR=str(runtime), ISTHMUS_CONTROL=control).returncode == 0
    finally:
        for process in (first, second):
            if process:
                process.terminate()
                process.communicate(timeout=30)


def test_two_schedulers_do_not_share_a_directory(cluster: Cluster) -> None:
    cluster.scheduler()
    done = run("scheduler", "--directory", str(cluster.directory))
    assert done.returncode == 1
    assert "another scheduler" in done.stderr
    assert cluster.verb("status").returncode == 0


def test_a_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = run("scheduler", "--directory", str(tmp_path))
    assert done.returncode == 1
    assert "chmod" in done.stderr


def test_sigterm_stops_in_order_and_leaves_no_socket(short_directory: Path) -> None:
    process = start_up(short_directory)
    ready_line(process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert list(short_directory.iterdir()) == []


def test_sigterm_before_the_scheduler_answers_is_an_orderly_stop(short_directory: Path) -> None:
    address = f"ipc://{short_directory}/scheduler.ipc"
    process = subprocess.Popen(
        [str(BINARY), "worker", "--slots", "1", "--connect", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "joining" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "")


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    done = run("up", "--directory", str(tmp_path / "cluster"), "--python", str(tmp_path))
    assert done.returncode == 1
    assert f"--python {tmp_path}/bin/python" in done.stderr
    done = run("up", "--directory", str(tmp_path / "cluster"), "--no-python", "--swift", str(tmp_path))
    assert done.returncode == 1
    assert "there is no executable" in done.stderr
    # Found before anything was started.
    assert not (tmp_path / "cluster").exists()


def test_an_embedded_cluster_ends_with_its_client(short_directory: Path) -> None:
    directory = short_directory / "embedded-1"
    process = start_up(directory, "--embedded")
    ready_line(process)
    process.send_signal(signal.SIGINT)
    assert run("status", "--control", str(directory)).returncode == 0, "SIGINT is for the client"
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=30)
    eventually(lambda: not is_alive(process.pid), "it ends")
    assert not directory.exists()


def test_a_log_line_is_one_json_object(short_directory: Path) -> None:
    process = start_up(short_directory, "--log-format", "json", "--log-level", "debug")
    ready_line(process)
    process.terminate()
    lines = process.communicate(timeout=30)[1].splitlines()
    assert lines
    for line in lines:
        event = json.loads(line)
        assert {"time", "level", "logger", "message"} <= event.keys()


def test_keys_are_never_overwritten_nor_shown(short_directory: Path) -> None:
    folder = short_directory / "keys"
    first = run("keys", "--directory", str(folder))
    assert first.returncode == 0
    secret = (folder / "client.key").read_text().split("secret ")[1].split()[0]
    second = run("keys", "--directory", str(folder))
    assert second.returncode == 1
    assert secret not in first.stdout + second.stdout + second.stderr
    assert secret in (folder / "client.key").read_text()


def test_tcp_needs_keys(tmp_path: Path) -> None:
    done = run("scheduler", "--listen", "tcp://127.0.0.1:0", "--directory", str(tmp_path / "d"))
    assert done.returncode == 2
    assert "isthmus keys" in done.stderr
    done = run("worker", "--connect", "tcp://127.0.0.1:1")
    assert done.returncode == 2
    assert "isthmus keys" in done.stderr
