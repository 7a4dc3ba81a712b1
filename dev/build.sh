#!/usr/bin/env bash
# Builds the release binaries (product and tests in one configuration) and installs the Python package.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -d .build ]; then
    echo "First build: the dependencies take about ten minutes on two cores."
fi
swift build -c release --build-tests ${ISTHMUS_BUILD_FLAGS:-}
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall ./python
