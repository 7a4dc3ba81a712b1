#!/usr/bin/env bash
# Format, lint and types. Stops at the first complaint; `dev/check.sh --fix` mends what can be mended.
set -euo pipefail
cd "$(dirname "$0")/.."

swift_sources() { git ls-files '*.swift' | grep -v '/Generated/'; }
python_sources=(python/src python/tests bridge/src bridge/tests Tests examples benchmarks)

if [ "${1:-}" = --fix ]; then
    swift_sources | xargs swift format format --in-place --parallel
    .venv/bin/ruff format "${python_sources[@]}"
    .venv/bin/ruff check --fix "${python_sources[@]}"
fi
swift_sources | xargs swift format lint --strict --parallel
.venv/bin/ruff format --check "${python_sources[@]}"
.venv/bin/ruff check "${python_sources[@]}"
.venv/bin/mypy
