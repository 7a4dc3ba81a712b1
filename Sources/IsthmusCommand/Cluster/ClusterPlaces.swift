internal import FoundationEssentials
internal import Posix

/// Where clusters of this user live on this machine.
enum ClusterPlaces {
    /// `$XDG_RUNTIME_DIR/isthmus`, or `/tmp/isthmus-UID`.
    static var base: String {
        if let runtime = environment("XDG_RUNTIME_DIR") { return runtime + "/isthmus" }
        return "/tmp/isthmus-\(CurrentUser.id)"
    }

    /// The directory of `isthmus up` without `--directory`.
    static var defaultDirectory: String { base + "/default" }

    static func controlSocket(in directory: String) -> String { directory + "/control.sock" }
    static func schedulerAddress(in directory: String) -> String { "ipc://\(directory)/scheduler.ipc" }

    /// Control sockets under the base directory on which somebody listens, by name.
    static func liveControlSockets() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        return names.sorted().map { controlSocket(in: "\(base)/\($0)") }.filter(UnixListener.isServed(path:))
    }

    /// An absolute form of a path given on the command line.
    static func absolute(_ path: String) -> String {
        var path = path
        if !path.hasPrefix("/") { path = FileManager.default.currentDirectoryPath + "/" + path }
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        return path
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }

    /// A file that may be executed: of a folder, the file manager says that, too.
    static func isProgram(_ path: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: path) && !isFolder(path)
    }

    /// A variable that is set to something.
    static func environment(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
