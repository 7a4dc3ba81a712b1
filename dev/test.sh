#!/usr/bin/env bash
# Runs all tests: Swift (cores, wrappers, servers), then Python (tidiness, cluster, bridge, client), one run
# for each folder, since each has helpers of its own on its path.
set -euo pipefail
cd "$(dirname "$0")/.."

swift test -c release --skip-build
for folder in Tests bridge/tests python/tests; do
    .venv/bin/python -m pytest -q "$folder" "$@"
done
