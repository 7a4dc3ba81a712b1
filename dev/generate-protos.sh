#!/usr/bin/env bash
# Generates the Swift code of the control API from its .proto, and records which .proto it is of.
# Builds the two generators first, from the same versions of the packages as the product.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v protoc >/dev/null || { echo "generate-protos: install protobuf-compiler" >&2; exit 1; }
for generator in protoc-gen-swift protoc-gen-grpc-swift-2; do
    swift build -c release --product "$generator"
done
binaries=$(swift build -c release --show-bin-path)

cd Sources/ControlAPI/Protos
proto=isthmus/control/v1/control.proto
protoc -I. "$proto" \
    --plugin="$binaries/protoc-gen-swift" --swift_opt=Visibility=Package --swift_out=../Generated \
    --plugin="$binaries/protoc-gen-grpc-swift-2" --grpc-swift-2_opt=Visibility=Package \
    --grpc-swift-2_out=../Generated
sha256sum "$proto" > ../Generated/control.proto.sha256
