#!/usr/bin/env bash
# Runs all tests: Swift (cores, wrappers, servers), a bounded run of the fuzzer, then Python (tidiness,
# cluster, bridge, client), one run for each folder, since each has helpers of its own on its path.
set -euo pipefail
cd "$(dirname "$0")/.."

# One at a time: tests turn the loops of both ends by hand and would starve each other of threads.
swift test -c release --skip-build --no-parallel
dev/fuzz.sh --runs 200000
for folder in Tests bridge/tests python/tests; do
    .venv/bin/python -m pytest -q "$folder" "$@"
done
