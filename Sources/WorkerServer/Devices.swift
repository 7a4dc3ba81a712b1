import Posix
import TaskModel

/// Gpus, by the names that libraries know them by: numbers, or ids such as `GPU-6a2f…`.
package enum Devices {
    /// What `--gpus` says. Where the worker's own environment names some, they are all that it has, and a
    /// number is a place in that list, as for any other program.
    ///
    /// - Parameters:
    ///   - text: a number of devices, their names joined by commas, or `all`.
    ///   - visible: what `CUDA_VISIBLE_DEVICES` says of the worker itself.
    ///   - present: how many the machine has, as far as it can be seen.
    package static func named(
        _ text: String, visible: String?, present: Int
    ) throws(WorkerError) -> [String] {
        let visible = visible.map(entries)
        let names: [String]
        if text == "all" {
            names = visible ?? (0..<present).map(String.init)
            guard !names.isEmpty else {
                throw WorkerError("no gpu can be seen here; name them, for example --gpus 0,1")
            }
        } else if let count = Int(text) {
            guard count >= 0, count <= Limits.devicesPerWorkerMax else { throw tooMany(count) }
            names = try (0..<count).map { number throws(WorkerError) in try name(number, visible) }
        } else {
            // "3," is number 3 alone, and no other place may be empty.
            let places = text.split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.filter { !$0.isWhitespace } }
            guard places[0] != "", !places.dropLast().contains("") else {
                throw WorkerError("a name is empty; join names by single commas, as in 0,2,GPU-6a2f")
            }
            names = try entries(text).map { word throws(WorkerError) in
                guard let number = Int(word) else { return word }
                return try name(number, visible)
            }
        }
        guard names.count <= Limits.devicesPerWorkerMax else { throw tooMany(names.count) }
        guard Set(names).count == names.count else {
            throw WorkerError("gpus \(names.joined(separator: ",")): one of them is named twice")
        }
        return names
    }

    private static func entries(_ text: String) -> [String] {
        text.split { $0 == "," || $0.isWhitespace }.map(String.init).filter { $0 != "-1" }
    }

    private static func name(_ number: Int, _ visible: [String]?) throws(WorkerError) -> String {
        guard let visible else {
            if number < 0 { throw WorkerError("a gpu has a number from 0, not \(number)") }
            return "\(number)"
        }
        guard visible.indices.contains(number) else {
            throw WorkerError(
                "gpu \(number) cannot be offered: CUDA_VISIBLE_DEVICES of this worker names \(visible.count)")
        }
        return visible[number]
    }

    private static func tooMany(_ count: Int) -> WorkerError {
        WorkerError(
            "a worker offers up to \(Limits.devicesPerWorkerMax) gpus, not \(count); start several workers")
    }

    /// How many Nvidia gpus there are: each has a file `nvidia0`, `nvidia1`, …
    package static func present(in folder: String = "/dev") -> Int {
        (0..<Limits.devicesPerWorkerMax).count { fileExists("\(folder)/nvidia\($0)") }
    }

    /// What an executor's environment says before the first attempt: none, so that no task uses what it did
    /// not ask for. For HIP an empty list is no list, and -1 is no device.
    static let none = ["CUDA_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=-1"]

    static func isListed(_ variable: String) -> Bool {
        variable.hasPrefix("CUDA_VISIBLE_DEVICES=") || variable.hasPrefix("HIP_VISIBLE_DEVICES=")
    }

    /// The names of an attempt's devices, as `CUDA_VISIBLE_DEVICES` lists them.
    static func list(_ devices: UInt64, of names: [String]) -> String {
        names.indices.filter { devices & 1 << UInt64($0) != 0 }.map { names[$0] }.joined(separator: ",")
    }
}
