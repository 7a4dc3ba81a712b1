internal import ControlAPI
internal import TaskModel

/// An amount as `--json` shows it: memory in bytes, everything else in thousandths.
struct ResourceReport: Encodable {
    let name: String
    let offered: UInt64
    let taken: UInt64

    init(_ resource: Isthmus_Control_V1_Resource) {
        name = resource.name
        offered = resource.offered
        taken = resource.taken
    }
}

/// A gpu as `--json` shows it: `taken` in thousandths.
struct GpuReport: Encodable {
    let name: String
    let taken: UInt64
}

extension Words {
    /// "cpu 1.5/4, memory 1.0 GiB/16.0 GiB, gpu 1.5/2 (GPU-a 1, GPU-b 0.5)": taken of what is offered.
    static func resources(
        _ resources: [Isthmus_Control_V1_Resource], gpus: [Isthmus_Control_V1_Gpu] = []
    ) -> String {
        resources.map { resource in
            let isMemory = resource.name == "memory"
            let (taken, offered) = (resource.taken, resource.offered)
            let amounts =
                isMemory
                ? "\(bytes(taken))/\(bytes(offered))"
                : "\(decimal(thousandths: taken))/\(decimal(thousandths: offered))"
            return "\(resource.name) \(amounts)" + (resource.name == "gpu" ? used(gpus) : "")
        }.joined(separator: ", ")
    }

    private static func used(_ gpus: [Isthmus_Control_V1_Gpu]) -> String {
        let used = gpus.filter { $0.taken > 0 }.map { "\($0.name) \(decimal(thousandths: $0.taken))" }
        return used.isEmpty ? "" : " (\(used.joined(separator: ", ")))"
    }

    /// Lines `key=value` as one.
    static func labels(_ labels: String) -> String { labels.split(separator: "\n").joined(separator: ",") }
}
