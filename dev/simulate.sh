#!/usr/bin/env bash
# A campaign of the simulator: many seeds at small size, at each level of faults, then some at 1,000 nodes.
# SEEDS=10000 LARGE=100 say how many; SEED=1 where to begin.
set -euo pipefail
cd "$(dirname "$0")/.."

isthmus=.build/release/isthmus
first=${SEED:-1} seeds=${SEEDS:-10000} large=${LARGE:-100}
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
for faults in none light heavy; do
    echo "== $seeds seeds, up to 8 nodes, faults: $faults"
    "$isthmus" simulate --seed "$first" --seeds "$seeds" --nodes 8 --faults "$faults" --commit "$commit"
done
echo "== $large seeds, 1,000 nodes, faults: heavy"
"$isthmus" simulate --seed "$first" --seeds "$large" --nodes 1000 --faults heavy --commit "$commit"
