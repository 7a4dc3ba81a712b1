"""The report as a table for a terminal and as an HTML page with a chart."""

from __future__ import annotations

import html
from typing import Any

BAR_CELLS = 24


def progress_bar(done: int, total: int, seconds: float) -> str:
    """One line that a terminal redraws."""
    filled = BAR_CELLS * done // max(total, 1)
    bar = "█" * filled + "░" * (BAR_CELLS - filled)
    return f"  {bar} {done:>5}/{total} tasks  {seconds:5.1f} s"


def table(report: dict[str, Any]) -> str:
    """The report for a terminal: totals, packages by size, the most complex functions."""
    totals = report["totals"]
    lines = [
        f"{report['files']:,} files, {totals['lines']:,} lines, {totals['tokens']:,} tokens, "
        f"{totals['functions']:,} functions, {totals['classes']:,} classes "
        f"({report['unparsable']} files do not parse on purpose)",
        "",
        f"  {'package':<18}{'files':>7}{'lines':>10}{'functions':>11}{'documented':>12}{'complexity':>12}",
    ]
    for row in report["packages"]:
        definitions = row["functions"] + row["classes"]
        documented = 100 * row["documented"] / definitions if definitions else 0
        mean = row["complexity"] / row["functions"] if row["functions"] else 0
        lines.append(
            f"  {row['package']:<18}{row['files']:>7,}{row['lines']:>10,}{row['functions']:>11,}"
            f"{documented:>11.0f}%{mean:>12.1f}"
        )
    lines += ["", "  most complex functions"]
    for row in report["worst"][:5]:
        name = row["path"].rpartition("/lib/")[2]
        lines.append(f"  {row['worst_complexity']:>5}  {row['worst_function']:<28} {name}")
    return "\n".join(lines)


def page(report: dict[str, Any], facts: dict[str, str]) -> str:
    """The report as one self-contained HTML page."""
    rows = "".join(
        f"<tr><td>{html.escape(row['package'])}</td><td>{row['files']:,}</td><td>{row['lines']:,}</td>"
        f"<td>{row['functions']:,}</td><td>{row['classes']:,}</td>"
        f"<td>{row['complexity'] / max(row['functions'], 1):.1f}</td></tr>"
        for row in report["packages"]
    )
    worst = "".join(
        f"<tr><td>{html.escape(row['worst_function'])}</td><td>{row['worst_complexity']}</td>"
        f"<td>{html.escape(row['path'].rpartition('/lib/')[2])}</td></tr>"
        for row in report["worst"]
    )
    known = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts.items())
    return PAGE.format(
        files=report["files"], chart=chart(report["packages"]), rows=rows, worst=worst, facts=known
    )


def chart(packages: list[dict[str, Any]]) -> str:
    """Lines per package as horizontal bars, the documented share of definitions in the darker part."""
    height, label, width = 26, 150, 560
    largest = max((row["lines"] for row in packages), default=1)
    parts = []
    for index, row in enumerate(packages):
        y = index * height
        length = width * row["lines"] / largest
        documented = row["documented"] / max(row["functions"] + row["classes"], 1)
        parts.append(
            f'<text x="{label - 8}" y="{y + 17}" text-anchor="end">{html.escape(row["package"])}</text>'
            f'<rect class="all" x="{label}" y="{y + 4}" width="{length:.1f}" height="18" rx="2"/>'
            f'<rect class="documented" x="{label}" y="{y + 4}" width="{length * documented:.1f}" height="18" '
            f'rx="2"/><text class="value" x="{label + length + 8:.1f}" y="{y + 17}">{row["lines"]:,}</text>'
        )
    total = len(packages) * height
    return f'<svg viewBox="0 0 {label + width + 80} {total}" role="img">{"".join(parts)}</svg>'


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The standard library, measured</title>
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; color: #1b2733 }}
 body {{ margin: 3rem auto; padding: 0 1rem }}
 h1 {{ font-size: 1.6rem }} h2 {{ font-size: 1.1rem; margin-top: 2.5rem }}
 svg {{ width: 100% }} svg text {{ font-size: 13px; fill: #1b2733 }} svg .value {{ fill: #5b6b7a }}
 .all {{ fill: #bcd4e6 }} .documented {{ fill: #2f6f9f }}
 table {{ border-collapse: collapse; width: 100% }}
 td, th {{ padding: .2rem .6rem; border-bottom: 1px solid #e3e9ee }}
 td:not(:first-child), th:not(:first-child) {{ text-align: right; font-variant-numeric: tabular-nums }}
 th {{ text-align: left; font-weight: 600 }}
 dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem }}
 dt {{ color: #5b6b7a }} dd {{ margin: 0 }}
</style>
<h1>The standard library, measured</h1>
<p>{files:,} files went through one graph: Python parsed each, a Swift function lexed each, one last task
joined both. The bars show lines per package; the darker part is the share of functions and classes that
have a docstring.</p>
{chart}
<h2>Packages</h2>
<table><tr><th>package</th><th>files</th><th>lines</th><th>functions</th><th>classes</th>
<th>mean complexity</th></tr>
{rows}</table>
<h2>Most complex functions</h2>
<table><tr><th>function</th><th>complexity</th><th>file</th></tr>{worst}</table>
<h2>How it was made</h2>
<dl>{facts}</dl>
</html>
"""
