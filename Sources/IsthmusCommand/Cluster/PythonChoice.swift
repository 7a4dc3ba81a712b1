internal import ArgumentParser
internal import FoundationEssentials

/// Which Python environment a worker's tasks run in.
struct PythonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The python of the environment in which tasks run.",
            discussion:
                "Default: ISTHMUS_PYTHON, else the python of the active virtual environment, else the one "
                + "beside the installed package, else python3 on PATH.", valueName: "path"))
    var python: String?

    @Flag(help: "Run no Python tasks.") var noPython = false

    func validate() throws {
        if noPython && python != nil { throw ValidationError("--python and --no-python exclude each other") }
        try OptionChecks.text(python, "--python", "the path or the name of a python")
    }

    /// Nil when no Python tasks are wanted.
    func choose() throws -> String? {
        if noPython { return nil }
        if let given = python ?? ClusterPlaces.environment("ISTHMUS_PYTHON") { return try resolve(given) }
        let candidates =
            [ClusterPlaces.environment("VIRTUAL_ENV").map { $0 + "/bin/python" }, Self.besidePackage]
            .compactMap { $0 } + Self.onPath("python3")
        guard let found = candidates.first(where: ClusterPlaces.isProgram) else {
            throw CommandFailure(
                "no Python was found: give --python PATH (the python of the environment in which tasks run), "
                    + "or --no-python for a worker of Swift functions only")
        }
        return found
    }

    /// A bare name is looked up on PATH; a path stays as it is: resolving the links of a virtual
    /// environment's python would lead out of that environment.
    private func resolve(_ given: String) throws -> String {
        let candidates = given.contains("/") ? [ClusterPlaces.absolute(given)] : Self.onPath(given)
        guard let found = candidates.first(where: ClusterPlaces.isProgram) else {
            if given.contains("/"), ClusterPlaces.isFolder(given) {
                throw CommandFailure(
                    "\(given) is a folder: give the python of an environment, as --python \(given)/bin/python"
                )
            }
            throw CommandFailure("there is no executable \"\(given)\"; give --python PATH")
        }
        return found
    }

    private static func onPath(_ name: String) -> [String] {
        (ClusterPlaces.environment("PATH") ?? "").split(separator: ":").map { "\($0)/\(name)" }
    }

    /// PREFIX/bin/python when this program is PREFIX/lib/pythonX.Y/site-packages/isthmus/bin/isthmus.
    private static var besidePackage: String? {
        guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        else {
            return nil
        }
        let parts = program.split(separator: "/")
        let tail = parts.suffix(6)
        guard tail.count == 6, Array(tail.dropFirst(2).prefix(3)) == ["site-packages", "isthmus", "bin"],
            tail.first == "lib"
        else { return nil }
        return parts.dropLast(6).map { "/" + $0 }.joined() + "/bin/python"
    }
}
