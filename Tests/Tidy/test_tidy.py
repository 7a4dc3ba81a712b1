"""The rules of the repository, as tests: structure, imports, sizes, words."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LINES_PER_FILE_MAX = 500
COLUMNS_MAX = 110
LINES_PER_FUNCTION_MAX = 70

#: Layers from the words up to the executables. A target imports only layers before its own, or its own
#: layer's targets where the manifest says so.
CORES = {"SessionCore", "SchedulerCore", "WorkerCore"}
C_WRAPPERS = {"CZeroMQ": "ZeroMQ", "CPosix": "Posix", "CPython": "PythonHost", "CProcessState": "PythonHost"}

BANNED_IN_CORES = {
    r"\bimport (Foundation|NIO\w*|ZeroMQ|Dispatch|Logging|Metrics|Synchronization)\b": "a core does no IO",
    r"\b(ContinuousClock|SuspendingClock|Date)\b": "time is an argument",
    r"\.random\(|\.shuffled\(|\.randomElement\(|SystemRandomNumberGenerator": "randomness is an argument",
    r"\bTask\s*\{|\basync\b|\bawait\b": "a core is synchronous",
    r"\bclass\b(?! [a-z])": "a core is a value",
    r"\bany [A-Z]": "no existential in a core",
    r"\bprint\(": "a core does not log",
    r"\bdefault\s*:": "every case is named",
    r"\.(keys|values)\b": "a dictionary is never walked",
}

#: Names of a workplace have no place in the product. Written in pieces, so that this file passes too.
FOREIGN_WORDS = ["/wo" + "rk/", "/ro" + "ot/", "/opt/" + "swift", "TO" + "DO", "FIX" + "ME", "XX" + "X"]


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = [name for name in listing.stdout.splitlines() if "/Generated/" not in name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


CODE = tracked("*.swift", "*.py", "*.c", "*.h", "*.sh")
SWIFT = [path for path in CODE if path.suffix == ".swift"]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def swift_target(path: Path) -> str | None:
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "Sources" and len(parts) > 2 else None


def code_without_comments(text: str) -> str:
    text = re.sub(r'"""(?:.|\n)*?"""', '""', text)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    return re.sub(r"//[^\n]*", "", text)


@pytest.mark.parametrize("path", CODE, ids=relative)
def test_file_and_line_lengths(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= LINES_PER_FILE_MAX, f"{len(lines)} lines: split it by concern"
    wide = [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX]
    assert not wide, f"lines over {COLUMNS_MAX} columns: {wide}"


def function_lengths(text: str) -> list[tuple[str, int]]:
    """Swift functions and initialisers with their lengths, found by indentation."""
    found = []
    lines = text.splitlines()
    head = re.compile(r"^(\s*)(?:@\w+(?:\([^)]*\))?\s+)*(?:[\w()]+\s+)*?(func\s+\S+|init[?(<]|deinit)")
    for start, line in enumerate(lines):
        match = head.match(line)
        if not match or line.rstrip().endswith("}"):
            continue
        closing = match.group(1) + "}"
        for end in range(start + 1, len(lines)):
            if lines[end] == closing:
                found.append((line.strip(), end - start + 1))
                break
            if lines[end].strip() and len(lines[end]) - len(lines[end].lstrip()) < len(match.group(1)):
                break
    return found


@pytest.mark.parametrize("path", SWIFT, ids=relative)
def test_function_lengths(path: Path) -> None:
    long = [pair for pair in function_lengths(path.read_text()) if pair[1] > LINES_PER_FUNCTION_MAX]
    assert not long


@pytest.mark.parametrize("path", [p for p in SWIFT if swift_target(p) in CORES], ids=relative)
def test_cores_are_pure(path: Path) -> None:
    code = code_without_comments(path.read_text())
    for pattern, reason in BANNED_IN_CORES.items():
        match = re.search(pattern, code)
        assert not match, f"{match.group(0)!r}: {reason}"


@pytest.mark.parametrize("path", [p for p in SWIFT if swift_target(p) in CORES], ids=relative)
def test_core_files_open_with_their_model(path: Path) -> None:
    text = path.read_text().lstrip()
    body = re.sub(r"^(?:(?:package|internal|public)? ?import \S+\n|\n)*", "", text)
    assert text.startswith("//") or body.startswith("//"), "say first what the file models"


def imports_of(target: str) -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "Sources" / target).rglob("*.swift"):
        found |= set(re.findall(r"^(?:\w+ )?import (?:\w+ )?(\w+)", path.read_text(), re.MULTILINE))
    return found


def targets() -> set[str]:
    return {path.name for path in (ROOT / "Sources").iterdir() if path.is_dir()}


def test_task_model_imports_nothing() -> None:
    assert imports_of("TaskModel") & targets() == set()


def test_cores_import_the_words_only() -> None:
    for core in sorted(CORES):
        assert imports_of(core) & targets() <= {"TaskModel"}, core


def test_each_c_module_has_one_wrapper() -> None:
    for module, wrapper in C_WRAPPERS.items():
        users = {target for target in targets() if module in imports_of(target)}
        assert users <= {wrapper}, f"{module} is imported by {users}"


def test_the_executor_links_nothing_foreign() -> None:
    allowed = {"TaskModel", "Wire", "Posix", "CPosix", "CPython", "CProcessState"}
    allowed |= {"ExecutorRuntime", "PythonHost"}
    for target in ("ExecutorRuntime", "PythonHost", "ExecutorCommand"):
        assert imports_of(target) & targets() <= allowed, target


def test_no_type_carries_its_modules_name() -> None:
    for target in sorted(targets()):
        for path in (ROOT / "Sources" / target).rglob("*.swift"):
            clash = re.search(rf"\b(?:struct|class|enum|actor|protocol) {target}\b", path.read_text())
            assert not clash, relative(path)


TEXT = tracked("*.swift", "*.py", "*.c", "*.h", "*.sh", "*.md", "*.toml", "*.proto", "Makefile", ".ci/run")


@pytest.mark.parametrize("path", TEXT, ids=relative)
def test_no_foreign_words(path: Path) -> None:
    text = path.read_text()
    for word in FOREIGN_WORDS:
        assert word not in text, f"{word!r} at line {text[: text.index(word)].count(chr(10)) + 1}"


def test_markdown_links_lead_somewhere() -> None:
    broken = [
        f"{relative(path)}: {link}"
        for path in tracked("*.md")
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
        if "://" not in link and not (path.parent / link).exists()
    ]
    assert not broken


#: Overwriting a field through an optional: `x!.field = value`, `x?.a.b = value`. A subscript in front
#: (`table[key]?.field = value`) is another matter: the compiler treats it rightly.
THROUGH_OPTIONAL = re.compile(r"(?<!\])[!?]\.[A-Za-z_.]+\s*=(?![=])[^\n]*")
PROOF = ROOT / "Tests" / "Tidy" / "compiler_fault.swift"


@pytest.mark.parametrize("path", [path for path in SWIFT if path != PROOF], ids=relative)
def test_nothing_is_overwritten_through_an_optional(path: Path) -> None:
    match = THROUGH_OPTIONAL.search(code_without_comments(path.read_text()))
    assert not match, f"{match.group(0)!r}: what was there is never released; use take() or another field"


def test_the_compiler_still_forgets_what_is_overwritten_through_an_optional(tmp_path: Path) -> None:
    program = tmp_path / "fault"
    subprocess.run(["swiftc", "-O", str(PROOF), "-o", str(program)], check=True)
    answer = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    assert answer == "1\n", "the compiler is mended: this test and the rule above it can go"
