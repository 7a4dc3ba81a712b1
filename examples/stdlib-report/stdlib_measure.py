"""The Python side of the pipeline: measure one source file, and join all measures into one report."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

#: Each of these opens one more path through a function (McCabe, "A Complexity Measure", 1976).
BRANCHES = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.With,
    ast.AsyncWith,
    ast.IfExp,
    ast.Assert,
    ast.comprehension,
    ast.match_case,
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def measure(path: str) -> dict[str, Any]:
    """Parse one file and count: functions, classes, documented ones, cyclomatic complexity."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return {"path": path, "error": type(error).__name__}
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    complexities = [(complexity(node), node.name) for node in functions]
    documented = sum(ast.get_docstring(node, clean=False) is not None for node in (*functions, *classes))
    worst = max(complexities, default=(0, ""))
    return {
        "path": path,
        "functions": len(functions),
        "classes": len(classes),
        "documented": documented,
        "complexity": sum(value for value, _ in complexities),
        "worst_complexity": worst[0],
        "worst_function": worst[1],
    }


def complexity(function: ast.AST) -> int:
    """One path, and one more for each branch and each further operand of `and` and `or`."""
    paths = 1
    for node in ast.walk(function):
        if isinstance(node, BRANCHES):
            paths += 1
        elif isinstance(node, ast.BoolOp):
            paths += len(node.values) - 1
    return paths


def join(measures: list[dict[str, Any]], lexicals: list[dict[str, Any]]) -> dict[str, Any]:
    """One report from what Python parsed and what Swift lexed. Equal inputs give an equal report."""
    files = [{**lexical, **measured} for measured, lexical in zip(measures, lexicals, strict=True)]
    parsed = [file for file in files if "error" not in file]
    identifiers: Counter[str] = Counter()
    for lexical in lexicals:
        for name, count in lexical["topIdentifiers"]:
            identifiers[name] += count
    packages: dict[str, dict[str, int]] = {}
    for file in parsed:
        row = packages.setdefault(package_of(file["path"]), Counter())
        for key in ("lines", "commentLines", "functions", "classes", "documented", "complexity"):
            row[key] += file[key]
        row["files"] += 1
    ranked = sorted(packages.items(), key=lambda item: (-item[1]["lines"], item[0]))
    worst = sorted(parsed, key=lambda file: (-file["worst_complexity"], file["path"]))[:10]
    totals = {
        key: sum(file[key] for file in parsed)
        for key in (
            "lines",
            "blankLines",
            "commentLines",
            "tokens",
            "functions",
            "classes",
            "documented",
            "complexity",
        )
    }
    return {
        "files": len(files),
        "unparsable": len(files) - len(parsed),
        "totals": totals,
        "packages": [{"package": name, **dict(row)} for name, row in ranked[:15]],
        "worst": [
            {key: file[key] for key in ("path", "worst_function", "worst_complexity")} for file in worst
        ],
        "identifiers": sorted(identifiers.items(), key=lambda item: (-item[1], item[0]))[:15],
    }


def package_of(path: str) -> str:
    """The folder or module right below the standard library's folder, recognised by `/lib/pythonX.Y/`."""
    _, _, tail = path.partition("/lib/python")
    parts = tail.split("/")[1:]
    return parts[0].removesuffix(".py") if parts else path
