"""The public names of the two clients, read from their sources: no build and no installation is needed.

A name is `Type`, `Type.member`, or `Type.member(parameter)`; of a constructor `Type(parameter)`. Parameters
are those that a caller names or may leave out, unless the type has a property of that name. What is inherited
is not listed: a Python future has the methods of `concurrent.futures.Future` too.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "python" / "src" / "isthmus"
SWIFT = ROOT / "Sources" / "Isthmus"

#: Names of the standard library that the package only passes on.
PASSED_ON = {"ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"}


def python_names() -> set[str]:
    """What `import isthmus` offers, and the options of tasks."""
    package = ast.parse((PYTHON / "__init__.py").read_text())
    exported: set[str] = set()
    for node in package.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported = set(ast.literal_eval(node.value))
    names = set(exported) - PASSED_ON
    nodes = [node for path in sorted(PYTHON.glob("*.py")) for node in ast.parse(path.read_text()).body]
    # What a public class has from one that is not public is its own.
    hidden = {
        node.name: node for node in nodes if isinstance(node, ast.ClassDef) and node.name not in exported
    }
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name in exported:
            names |= _members(node.name, node)
            for base in node.bases:
                if ast.unparse(base) in hidden:
                    names |= _members(node.name, hidden[ast.unparse(base)])
        elif isinstance(node, ast.FunctionDef) and node.name in exported:
            names |= {f"{node.name}({parameter})" for parameter in _parameters(node)}
        if isinstance(node, ast.ClassDef) and node.name == "TaskOptions":
            fields = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
            names |= {f"options({ast.unparse(field)})" for field in fields}
    # Not for users: see TaskOptions.
    return _without_repeats(names) - {"options(quiet)"}


def _without_repeats(names: set[str]) -> set[str]:
    return {name for name in names if re.sub(r"\((\w+)\)$", r".\1", name) not in names - {name}}


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Those of conditions too: some declarations are for type checkers only."""
    found: list[ast.stmt] = []
    for item in body:
        found += _statements([*item.body, *item.orelse]) if isinstance(item, ast.If) else [item]
    return found


def _members(name: str, node: ast.ClassDef) -> set[str]:
    found: set[str] = set()
    for item in _statements(node.body):
        if isinstance(item, ast.AnnAssign):
            found.add(ast.unparse(item.target))
        elif isinstance(item, ast.Assign):
            found.add(ast.unparse(item.targets[0]))
        elif isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if item.name == "__init__":
                found |= {f"({parameter})" for parameter in _parameters(item)} | _attributes(item)
            else:
                found |= {item.name} | {f"{item.name}({parameter})" for parameter in _parameters(item)}
    public = {member for member in found if not member.startswith("_")}
    return {name + member if member.startswith("(") else f"{name}.{member}" for member in public}


def _attributes(constructor: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Those that are announced with a type."""
    return {
        item.target.attr
        for item in ast.walk(constructor)
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Attribute)
    }


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    positional = [*node.args.posonlyargs, *node.args.args]
    optional = positional[len(positional) - len(node.args.defaults) :]
    return [argument.arg for argument in [*optional, *node.args.kwonlyargs] if argument.arg != "_"]


_TYPE = re.compile(r"public (?:final )?(?:struct|class|enum|protocol) (\w+)")
_EXTENSION = re.compile(r"(?:public )?extension ([\w.]+)")
_MEMBER = re.compile(
    r"(?:nonisolated\(nonsending\) )?(?:@\w+ )?public (?:static |convenience |mutating |internal\(set\) )*"
    r"(?:(?:func|var|let|typealias) (\w+)|(init|subscript))"
)
_CASE = re.compile(r"(?:indirect )?case (\w.*)")
#: Of protocols that the language itself asks for.
_CONFORMANCES = re.compile(
    r"\.(description|errorDescription|encode|makeAsyncIterator|next|Element|Failure|Iterator)\b"
    r"|\(from\)|\(integerLiteral\)|\(isolation\)"
)


def swift_names() -> set[str]:
    """The public declarations of the module, but for what protocols of the language ask for."""
    names: set[str] = set()
    for path in sorted(SWIFT.glob("*.swift")):
        names |= _declared(path.read_text())
    return _without_repeats({name for name in names if not _CONFORMANCES.search(name)})


def _declared(text: str) -> set[str]:
    """Declarations by indentation, which the formatter keeps."""
    names: set[str] = set()
    # Of the types around a line: indentation, name, whether it is a public enum.
    around: list[tuple[int, str, bool]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        code = line.strip()
        depth = len(line) - len(line.lstrip())
        if not code or code.startswith("//"):
            continue
        while around and depth <= around[-1][0]:
            around.pop()
        outer = f"{around[-1][1]}." if around else ""
        kind = _TYPE.search(code)
        extended = _EXTENSION.match(code)
        member = _MEMBER.search(code)
        if kind:
            names.add(outer + kind[1])
            around.append((depth, outer + kind[1], " enum " in f" {code}"))
        elif extended:
            around.append((depth, extended[1], False))
        elif member and member[1]:
            names.add(outer + member[1])
            if "func " in code:
                names |= {f"{outer}{member[1]}({label})" for label in _labels(lines, number)}
        elif member:
            names |= {f"{outer[:-1]}({label})" for label in _labels(lines, number)}
        elif around and around[-1][2] and depth == around[-1][0] + 4 and (case := _CASE.match(code)):
            names |= {outer + name for name in re.findall(r"(\w+)(?:\([^)]*\))?", case[1].split("=")[0])}
        elif re.match(r"(private |fileprivate )?(final )?(struct|enum|class) ", code) and code.endswith("{"):
            around.append((depth, outer + "-", False))
    return {name for name in names if "-" not in name}


def _labels(lines: list[str], start: int) -> list[str]:
    """Labels of the parameters of the function that is declared from this line on."""
    text = " ".join(line.strip() for line in lines[start : start + 12])
    begin = re.search(r"(?:\w|>|subscript|init)\(", text[text.index("public") :])
    assert begin is not None, text
    position = text.index("public") + begin.end()
    depth, inside, parts = 1, "", []
    while depth:
        character = text[position]
        closes = character in ")]}" or (character == ">" and text[position - 1] != "-")
        depth += (character in "([<{") - closes
        if depth == 1 and character == ",":
            parts.append(inside)
            inside = ""
        elif depth:
            inside += character
        position += 1
    parts.append(inside)
    found = []
    for part in filter(None, map(str.strip, parts)):
        label = part.split(":")[0].split()[0]
        if label != "_":
            found.append(label)
    return found
