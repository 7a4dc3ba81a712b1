#!/usr/bin/env bash
# Installs what is missing on a fresh machine: Debian packages (as root or by sudo) and .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

command -v swift >/dev/null ||
    fail "no Swift toolchain on PATH. Install Swift 6.3 or later from https://swift.org/install."
swift_version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -1)
[ "$(printf '6.3\n%s\n' "$swift_version" | sort -V | head -1)" = 6.3 ] ||
    fail "Swift $swift_version is too old: 6.3 or later is needed. See https://swift.org/install."

# libzmq carries the data plane; python3-dev brings Debian's libpython for an executor on /usr/bin/python3;
# iproute2 joins the two hosts of a test.
packages=(libzmq3-dev python3-dev python3-venv iproute2)
missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    say "Installing Debian packages: ${missing[*]}"
    command -v apt-get >/dev/null ||
        fail "no apt-get here. Install these yourself, then run again: ${missing[*]}"
    if [ "$(id -u)" = 0 ]; then root=(); elif command -v sudo >/dev/null; then root=(sudo); else
        fail "not root and no sudo. Ask an administrator for: apt-get install ${missing[*]}"
    fi
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null ||
        fail "apt-get could not install: ${missing[*]}"
fi

python=${PYTHON:-python3}
if [ ! -x .venv/bin/python ]; then
    "$python" - <<'PY' || fail "$python cannot host tasks. Another one: PYTHON=/path/to/python make setup"
import sys, sysconfig
if sys.version_info < (3, 10):
    sys.exit(f"Python {sys.version.split()[0]} is too old: 3.10 or later is needed.")
if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
    sys.exit("This Python has no shared library. Debian: apt-get install python3-dev; "
             "pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install 3.12")
PY
    say "Making .venv with $("$python" --version)"
    "$python" -m venv .venv
fi
stamp=.venv/.requirements-installed
if [ dev/requirements.txt -nt "$stamp" ]; then
    say "Installing Python requirements into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r dev/requirements.txt
    touch "$stamp"
fi
