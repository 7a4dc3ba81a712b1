#!/usr/bin/env bash
# Measures side by side with the peers and writes what came out into docs/performance.md; arguments go to
# `python -m benchmarks` instead, which then only prints.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x .venv-bench/bin/python ]; then
    .venv/bin/python -m venv .venv-bench
fi
if [ benchmarks/requirements.txt -nt .venv-bench/.requirements-installed ]; then
    .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
    touch .venv-bench/.requirements-installed
fi
.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall ./python
if [ $# = 0 ]; then
    set -- --report docs/performance.md
fi
exec .venv-bench/bin/python -m benchmarks "$@"
