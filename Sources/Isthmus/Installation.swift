import Posix

/// The executables that an Isthmus cluster is made of.
enum Installation {
    /// Where the `isthmus` executable is: `ISTHMUS_BINARY`, beside this executable, in a build folder above
    /// it, in the virtual environment, on the `PATH`.
    static func findBinary() throws(IsthmusError) -> String {
        if let named = environmentVariable("ISTHMUS_BINARY"), !named.isEmpty {
            guard isExecutable(named) else {
                throw .connection("ISTHMUS_BINARY is \(named), which is not an executable")
            }
            return named
        }
        var candidates: [String] = []
        if let own = try? executablePath() {
            var folder = own[...]
            while let slash = folder.lastIndex(of: "/") {
                folder = folder[..<slash]
                if candidates.isEmpty { candidates.append("\(folder)/isthmus") }
                candidates.append("\(folder)/.build/release/isthmus")
            }
        }
        if let environment = environmentVariable("VIRTUAL_ENV") {
            candidates.append("\(environment)/bin/isthmus")
        }
        let path = environmentVariable("PATH") ?? ""
        candidates += path.split(separator: ":").map { "\($0)/isthmus" }
        if let found = candidates.first(where: { isExecutable($0) }) { return found }
        throw .connection(
            "the isthmus executable is not found beside this one, in a .build/release above it, in the "
                + "active virtual environment, or on the PATH: build it (swift build -c release --product "
                + "isthmus) and set ISTHMUS_BINARY to it")
    }
}
