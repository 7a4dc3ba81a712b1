import Posix

extension WorkerService {
    /// Where the parts of an installation are found: by `ISTHMUS_EXECUTOR` and `ISTHMUS_BRIDGE`, beside the
    /// running binary (`…/isthmus/bin`), or in the checkout that it was built in.
    ///
    /// - Returns: the `isthmus-executor` binary, and the folder of the package `isthmus_bridge`.
    /// - Throws: `WorkerError` that names every place that was looked at.
    package static func locateInstallation() throws(WorkerError) -> (executor: String, bridge: String) {
        let folder: String
        do {
            folder = parent(try executablePath())
        } catch {
            throw WorkerError("The path of the running binary is unknown: \(error)")
        }
        return (try locateExecutor(beside: folder), try locateBridge(near: folder))
    }

    private static func locateExecutor(beside folder: String) throws(WorkerError) -> String {
        if let path = environmentVariable("ISTHMUS_EXECUTOR") {
            guard isExecutable(path) else {
                throw WorkerError("ISTHMUS_EXECUTOR is \(path), which is not an executable.")
            }
            return path
        }
        let path = folder + "/isthmus-executor"
        guard isExecutable(path) else {
            throw WorkerError(
                "There is no isthmus-executor beside the running binary (\(path)); build it with "
                    + "`swift build -c release --product isthmus-executor` or set ISTHMUS_EXECUTOR.")
        }
        return path
    }

    private static func locateBridge(near folder: String) throws(WorkerError) -> String {
        if let path = environmentVariable("ISTHMUS_BRIDGE") {
            guard fileExists(path + "/__init__.py") else {
                throw WorkerError("ISTHMUS_BRIDGE is \(path), which is not the package isthmus_bridge.")
            }
            return path
        }
        var looked: [String] = []
        let installed = parent(parent(folder)) + "/isthmus_bridge"
        var candidates = [installed]
        var ancestor = folder
        while ancestor != "/" {
            candidates.append(ancestor + "/bridge/src/isthmus_bridge")
            ancestor = parent(ancestor)
        }
        for candidate in candidates {
            if fileExists(candidate + "/__init__.py") { return candidate }
            looked.append(candidate)
        }
        throw WorkerError(
            "The Python package isthmus_bridge is not there; looked for \(looked.joined(separator: ", ")). "
                + "Set ISTHMUS_BRIDGE to its folder.")
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
