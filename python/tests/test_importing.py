"""Modules and scripts without a guard, children of `multiprocessing`, and archives on the path."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from client_support import HERE, ROOT, StandIns

SOURCES = [str(ROOT / "python" / "src"), str(ROOT / "bridge" / "src"), str(HERE)]


def run(folder: Path, script: str, *path: str, **modules: str) -> subprocess.CompletedProcess[str]:
    """Run a script beside these modules."""
    for name, text in {**modules, "script": script}.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return subprocess.run(
        [sys.executable, str(folder / "script.py")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*path, *SOURCES])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_module_that_starts_a_cluster_at_its_import_is_told_how_not_to(tmp_path: Path) -> None:
    shop = """
        from isthmus import Client
        def price(): return 1
        client = Client(slots=1)
        value = client.submit(price).result(40)
    """
    done = run(tmp_path, "import shop", shop=shop)
    assert done.returncode == 1
    assert "module 'shop' starts a cluster while an executor" in done.stderr
    assert 'if __name__ == "__main__":' in done.stderr


def test_a_module_that_submits_at_its_import_is_told_so(tmp_path: Path) -> None:
    shop = f"""
        from isthmus import Client
        def price(): return 1
        client = Client(open({str(tmp_path / "address")!r}).read())
        value = client.submit(price).result(40)
    """
    script = f"""
        from isthmus import Client
        with Client(slots=1) as own:
            with open({str(tmp_path / "address")!r}, "w") as file:
                file.write(own.address)
            import shop
    """
    done = run(tmp_path, script, shop=shop)
    assert done.returncode == 1
    assert "module 'shop' submits tasks while an executor" in done.stderr


def test_a_task_may_start_a_cluster_of_its_own(tmp_path: Path) -> None:
    shop = """
        from isthmus import Client
        def nested(value):
            with Client(slots=1) as client:
                return client.submit(abs, value).result(40)
    """
    script = """
        import shop
        from isthmus import Client
        with Client(slots=1) as client:
            print(client.submit(shop.nested, -3).result(40))
    """
    done = run(tmp_path, script, shop=shop)
    assert done.stdout == "3\n", done.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_child_of_a_script_without_a_guard_starts_no_cluster(tmp_path: Path, method: str) -> None:
    script = f"""
        import multiprocessing
        from isthmus import Client
        client = Client(slots=1)
        def work(): print("never")
        if __name__ == "__main__":
            child = multiprocessing.get_context({method!r}).Process(target=work)
            child.start()
            child.join()
            print(child.exitcode)
    """
    done = run(tmp_path, script)
    assert done.stdout == "1\n"
    assert "module '__mp_main__' starts a cluster while a child process" in done.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_child_submits_functions_of_the_script(tmp_path: Path, method: str) -> None:
    script = f"""
        import multiprocessing
        from isthmus import Client
        class Box:
            def __init__(self, value): self.value = value
            def __reduce__(self): return Box, (self.value,)
        def double(box): return Box(2 * box.value)
        def work(address):
            with Client(address) as client:
                print(client.submit(double, Box(3)).result(40).value)
                print([box.value for box in client.map(double, [Box(1), Box(2)])], flush=True)
        if __name__ == "__main__":
            with Client(slots=1) as client:
                child = multiprocessing.get_context({method!r}).Process(target=work, args=(client.address,))
                child.start()
                child.join()
                print(client.submit(double, Box(5)).result(40).value, child.exitcode)
    """
    done = run(tmp_path, script)
    assert done.stdout.splitlines() == ["6", "[2, 4]", "10 0"], done.stderr


def test_archives_on_the_path_are_there_for_executors(tmp_path: Path, stand_ins: StandIns) -> None:
    archive = tmp_path / "deps.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("packed.py", "def one(): return 1\n")
    script = """
        import packed
        from isthmus import Client
        with Client(slots=1) as client:
            print(client.submit(packed.one).result(40))
    """
    done = run(tmp_path, script, str(archive))
    assert done.stdout == "1\n", done.stderr
