#!/usr/bin/env bash
# Measures side by side with the peers; arguments go to `python -m benchmarks`.
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
exec .venv-bench/bin/python -m benchmarks "$@"
