#!/usr/bin/env bash
# Fuzzes the decoders of Sources/Wire with libFuzzer and AddressSanitizer, which Swift's toolchain contains.
#
#   dev/fuzz.sh [--seconds N] [--runs N] [--keep] [DECODER...]
#
# --seconds N   time for each decoder (default 60), with another seed each time, which is printed
# --runs N      N inputs for each decoder instead, from the committed corpus and with one seed
# --keep        write what the run found, minimised, into Tests/Fuzz/Corpus
#
# Afterwards Python reads all inputs, too, and must agree with Swift. An input that breaks a promise is left
# in .build/fuzz/found, and is repeated by `.build/fuzz/DECODER FILE`. Copy it to .build/fuzz/inputs/DECODER,
# and --keep takes it into the corpus once it does no more harm.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60 runs= keep= decoders=()
while [ $# -gt 0 ]; do
    case "$1" in
        --seconds) seconds=$2; shift ;;
        --runs) runs=$2; shift ;;
        --keep) keep=yes ;;
        -*) echo "dev/fuzz.sh: unknown option $1; see its first lines" >&2; exit 2 ;;
        *) decoders+=("$1") ;;
    esac
    shift
done
[ "${#decoders[@]}" -gt 0 ] || decoders=(handshake frame record neutral)

out=.build/fuzz
python=${PYTHON:-.venv/bin/python}
# Longer inputs find no more, and would make the corpus large.
kept_bytes_max=256
mkdir -p "$out/found"
rules=(-package-name isthmus -swift-version 6 -enable-upcoming-feature ExistentialAny
    -enable-upcoming-feature MemberImportVisibility -enable-upcoming-feature InternalImportsByDefault
    -enable-experimental-feature Lifetimes -O -g -wmo -parse-as-library -sanitize=fuzzer,address -I "$out")

# The modules are compiled by themselves: the instrumented code never meets the product's build folder.
compile() {
    local module=$1; shift
    swiftc "${rules[@]}" -emit-module -emit-module-path "$out/$module.swiftmodule" -emit-object \
        -module-name "$module" -o "$out/$module.o" "$@"
}
sources=(Sources/TaskModel/*.swift Sources/Wire/*.swift Tests/WireTests/RoundTrips.swift
    Tests/Fuzz/{Harness.swift,Meter.h,Meter.c})
stamp=$(swiftc --version 2>/dev/null | cat - "${sources[@]}" "$0" | sha256sum)
if [ "$stamp" != "$(cat "$out/stamp" 2>/dev/null)" ]; then
    compile TaskModel Sources/TaskModel/*.swift
    compile Wire Sources/Wire/*.swift
    clang -O1 -fsanitize=address -c Tests/Fuzz/Meter.c -o "$out/Meter.o"
    swiftc "${rules[@]}" -module-name Fuzz -import-objc-header Tests/Fuzz/Meter.h \
        -Xclang-linker -fuse-ld=lld -o "$out/fuzz" \
        Tests/Fuzz/Harness.swift Tests/WireTests/RoundTrips.swift "$out"/{TaskModel,Wire,Meter}.o
    for decoder in handshake frame record neutral; do ln -sf fuzz "$out/$decoder"; done
    echo "$stamp" >"$out/stamp"
fi

# libFuzzer tells of a trap; Swift's own backtrace would be a second process for each.
export SWIFT_BACKTRACE=enable=no
"$python" Tests/Fuzz/seeds.py "$out/inputs"
# 16 KiB hold every limit of the neutral form that a decoder can meet: depth, counts, nested counts.
options=(-max_len=16384 -timeout=10 -malloc_limit_mb=64 -rss_limit_mb=2048 -print_final_stats=1
    -artifact_prefix="$out/found/")
if [ -n "$runs" ]; then options+=(-runs="$runs" -seed=1); else options+=(-max_total_time="$seconds"); fi

# One line for each input of a folder: the input and what became of it.
judge() {
    FUZZ_VERDICTS=$out/verdicts "$out/$1" -runs=0 "$2" >"$out/judge.log" 2>&1
    sort -u "$out/verdicts"
}

for decoder in "${decoders[@]}"; do
    log=$out/$decoder.log
    folder=$out/inputs/$decoder
    if [ -n "$runs" ]; then
        # Without what earlier runs found here, so that it asks the same of every machine.
        rm -rf "$out/fresh"
        "$python" Tests/Fuzz/seeds.py "$out/fresh"
        folder=$out/fresh/$decoder
    fi
    if ! "$out/$decoder" "${options[@]}" "$folder" >"$log" 2>&1; then
        grep -aE 'Fatal error|ERROR|SUMMARY|Test unit' "$log" >&2 || tail -20 "$log" >&2
        echo "$decoder: a promise is broken; the whole story is in $log" >&2
        exit 1
    fi
    seed=$(sed -nE 's/^INFO: Seed: //p' "$log")
    executions=$(sed -nE 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -nE 's/.*cov: ([0-9]+) ft:.*/\1/p' "$log" | tail -1)
    judge "$decoder" "$folder" >"$out/$decoder.txt"
    echo "$decoder: $executions executions, $edges edges, $(wc -l <"$out/$decoder.txt") inputs, seed $seed"
    if ! "$python" Tests/Fuzz/agreement.py "$decoder" "$out/$decoder.txt" >"$out/agreement.log"; then
        head -5 "$out/agreement.log" >&2
        echo "$decoder: Python and Swift do not agree; all such inputs are in $out/agreement.log" >&2
        exit 1
    fi
    if [ -n "$keep" ]; then
        rm -rf "$out/minimal" && mkdir "$out/minimal"
        "$out/$decoder" -merge=1 -max_len="$kept_bytes_max" "$out/minimal" "$folder" >"$out/merge.log" 2>&1
        judge "$decoder" "$out/minimal" >"Tests/Fuzz/Corpus/$decoder.txt"
    fi
done
