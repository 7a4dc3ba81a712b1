#!/usr/bin/env bash
# Applies each bug of Tests/Mutants to a copy of the cores and lets the simulator look for it: a table of
# mutant, the first seed that finds it, and how long that took. Fails if one survives all seeds.
# dev/mutants.sh [NAME...] tries only these; SEEDS=1000 and NODES=5 say how long to look.
# What is found goes into the table of docs/testing.md, row by row, with the commit that was tried.
set -euo pipefail
cd "$(dirname "$0")/.."

seeds=${SEEDS:-1000} nodes=${NODES:-5}
# A seed that does not end in a minute runs in circles: that finds a mutant as well.
seconds_max=${SECONDS_MAX:-900}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SWIFT_BACKTRACE=enable=no

mkdir -p "$work/Sources"
cp -R Sources/{TaskModel,SessionCore,SchedulerCore,WorkerCore,Simulation} "$work/Sources"
cp -R Tests/Mutants/Runner "$work/Sources/Runner"
cat > "$work/Package.swift" <<'MANIFEST'
// swift-tools-version:6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"), .enableExperimentalFeature("Lifetimes"),
]
func ours(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}
let package = Package(
    name: "isthmus",
    targets: [
        ours("TaskModel"),
        ours("SessionCore", ["TaskModel"]), ours("SchedulerCore", ["TaskModel"]),
        ours("WorkerCore", ["TaskModel"]),
        ours("Simulation", ["SchedulerCore", "WorkerCore", "SessionCore", "TaskModel"]),
        .executableTarget(name: "Runner", dependencies: ["Simulation"], swiftSettings: settings),
    ])
MANIFEST

# Built without optimisation: that takes seconds instead of a minute, and most are found by the first seeds.
build() { swift build --package-path "$work" -c debug >"$work/build.log" 2>&1; }
run() {
    timeout "$seconds_max" "$work/.build/debug/Runner" 1 "$1" "$nodes" heavy quiet >"$work/run.log" 2>&1
}

# Puts a row into the table of docs/testing.md, in place of the mutant's former one, in the order of names.
write_row() {
    ROW=$1 awk -F '|' '
        function name(line) { split(line, cells, "|"); gsub(/ /, "", cells[2]); return cells[2] }
        BEGIN { row = ENVIRON["ROW"]; own = name(row) }
        inside && /^\| / {
            if (name($0) == own) next
            if (!written && name($0) > own) { print row; written = 1 }
        }
        inside && !/^\|/ { if (!written) { print row; written = 1 } inside = 0 }
        { print }
        /^\|---\|---\|---\|---\|---\|$/ { inside = 1 }
        END { if (inside && !written) print row }
    ' docs/testing.md >"$work/testing.md"
    cp "$work/testing.md" docs/testing.md
}

ends() { timeout 60 "$work/.build/debug/Runner" "$1" 1 "$nodes" heavy >/dev/null; }

build || { cat "$work/build.log"; exit 1; }
if ! run 50; then
    tail -60 "$work/run.log"
    echo "the cores break a promise without any mutant; see above" >&2
    exit 1
fi

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in Tests/Mutants/*.patch; do names+=("$(basename "$file" .patch)"); done
fi
survivors=0
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
printf '| mutant | found by seed | after | what was seen | at |\n|---|---|---|---|---|\n'
for name in "${names[@]}"; do
    file=$PWD/Tests/Mutants/$name.patch
    (cd "$work" && git apply -C1 "$file") || { echo "$name does not apply: renew it" >&2; exit 1; }
    build || { cat "$work/build.log"; echo "$name does not build: renew it" >&2; exit 1; }
    begun=$(date +%s%N)
    status=0
    run "$seeds" || status=$?
    tenths=$((($(date +%s%N) - begun) / 100000000))
    seed=$(sed -n 's/^seed \([0-9]*\)$/\1/p' "$work/run.log" | tail -1)
    if [ "$status" -eq 0 ]; then
        survivors=$((survivors + 1))
        seed="none of $seeds" seen="**it survives**"
    elif [ "$status" -eq 124 ] && ends "$seed"; then
        survivors=$((survivors + 1))
        seen="**it survives until time is up**"
    elif [ "$status" -eq 124 ]; then
        seen="runs in circles"
    elif seen=$(sed -n 's/^broken promise: //p' "$work/run.log") && [ -z "$seen" ]; then
        seen=$(sed -n 's/.*Fatal error: /a core traps: /p' "$work/run.log" | head -1)
        seen=${seen:-a core traps}
    fi
    took="$((tenths / 10)).$((tenths % 10))"
    row=$(printf '| %s | %s | %s s | %s | %s |' "$name" "$seed" "$took" "$seen" "$commit")
    echo "$row"
    if [ "$seed" != "none of $seeds" ]; then write_row "$row"; fi
    (cd "$work" && git apply -C1 -R "$file")
done
if [ "$survivors" -gt 0 ]; then
    echo "$survivors of ${#names[@]} mutants survive" >&2
    exit 1
fi
echo "${#names[@]} mutants, all found"
