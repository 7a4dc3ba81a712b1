import Posix
import TaskModel

/// What the worker learned about the `python` of an environment before it started executors in it.
struct PythonEnvironment: Sendable {
    let python: String
    /// Path of its libpython.
    let library: String
    /// "3.11.7"
    let version: String

    /// Variables that would make an embedded interpreter another one than its environment's own `python`.
    static let misleadingVariables = [
        "PYTHONHOME", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "PYTHONSTARTUP", "PYTHONINSPECT",
        "__PYVENV_LAUNCHER__",
    ]

    static func cleanEnvironment() -> [String] {
        inheritedEnvironment().filter { variable in
            !misleadingVariables.contains { variable.hasPrefix($0 + "=") }
        }
    }

    /// Asks the `python` at a path. Takes as long as it needs to start: about 20 ms.
    static func probe(_ python: String) throws(WorkerError) -> PythonEnvironment {
        guard isExecutable(python) else {
            throw WorkerError(
                "There is no executable at \(python); give the python of your environment with --python.")
        }
        let answer = try ask(python)
        guard let version = answer["version"], let candidates = answer["libraries"] else {
            throw WorkerError("\(python) does not answer like CPython; isthmus needs CPython 3.10 or later.")
        }
        guard answer["implementation"] == "cpython" else {
            throw WorkerError("\(python) is \(answer["implementation"] ?? "unknown"); isthmus needs CPython.")
        }
        guard answer["supported"] == "1" else {
            throw WorkerError("\(python) is Python \(version); isthmus needs Python 3.10 or later.")
        }
        guard answer["free_threaded"] == "0" else {
            throw WorkerError(
                "\(python) is a free-threaded build of Python \(version), which cannot host tasks yet; "
                    + "install the standard build of the same version.")
        }
        guard let library = candidates.split(separator: ":").first(where: { fileExists(String($0)) }) else {
            let minor = version.split(separator: ".").prefix(2).joined(separator: ".")
            throw WorkerError(
                "\(python) (Python \(version)) has no shared library; looked for "
                    + "\(candidates.split(separator: ":").joined(separator: ", ")). Install it: Debian and "
                    + "Ubuntu `apt install libpython\(minor)`, pyenv "
                    + "`PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install \(version)`.")
        }
        return PythonEnvironment(python: python, library: String(library), version: version)
    }

    private static let script = """
        import sys, sysconfig
        get = sysconfig.get_config_var
        names = [n for n in (get("INSTSONAME"), get("LDLIBRARY")) if n and ".so" in n]
        names += ["libpython%d.%d.so.1.0" % sys.version_info[:2]]
        folders = [f for f in (get("LIBDIR"), sys.base_prefix + "/lib", get("LIBPL")) if f]
        if get("LIBDIR") and get("MULTIARCH"):
            folders.append(get("LIBDIR") + "/" + get("MULTIARCH"))
        paths = list(dict.fromkeys(f + "/" + n for n in dict.fromkeys(names) for f in folders))
        print("isthmus implementation=" + sys.implementation.name)
        print("isthmus version=" + sys.version.split()[0])
        print("isthmus supported=" + str(int(sys.version_info >= (3, 10))))
        print("isthmus free_threaded=" + str(int(bool(get("Py_GIL_DISABLED")))))
        print("isthmus libraries=" + ":".join(paths))
        """

    /// Runs the script in isolated mode: nothing of the current folder or the user's settings is imported.
    private static func ask(_ python: String) throws(WorkerError) -> [String: String] {
        do {
            let output = try FileDescriptor.memoryFile("isthmus probe")
            let errors = try FileDescriptor.memoryFile("isthmus probe errors")
            let nothing = try FileDescriptor.memoryFile("isthmus probe input")
            var child = try ChildProcess(
                [python, "-I", "-c", script], environment: cleanEnvironment(),
                descriptors: [nothing.rawValue, output.rawValue, errors.rawValue])
            let status = try wait(for: &child)
            guard status == .code(0) else {
                let how = status.map { "\($0)" } ?? "did not end within \(probeSeconds) s"
                let words = lastLines(of: errors)
                // A program that is no Python complains about the script that it was given.
                guard !words.contains("sysconfig"), !words.contains("isthmus ") else {
                    throw WorkerError("\(python) is no Python: asked for its version, it \(how).")
                }
                throw WorkerError("\(python) cannot be used: it \(how). \(words)")
            }
            return parse(String(decoding: try contents(of: output), as: UTF8.self))
        } catch let error as WorkerError {
            throw error
        } catch {
            throw WorkerError("\(python) cannot be asked about its library: \(error)")
        }
    }

    private static let probeSeconds: Int64 = 30

    private static func wait(for child: inout ChildProcess) throws(PosixError) -> ExitStatus? {
        var poller = try Poller()
        try poller.watch(child.rawValue, token: 0)
        let deadline = MonotonicClock.now + .seconds(probeSeconds)
        while MonotonicClock.now < deadline {
            _ = try poller.wait(until: deadline, now: MonotonicClock.now)
            if let status = try child.reap() { return status }
        }
        return nil
    }

    private static func contents(of file: borrowing FileDescriptor) throws(PosixError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(1, try file.size()))
        guard case .bytes(let count) = try file.read(into: &bytes, position: 0) else { return [] }
        return Array(bytes[..<count])
    }

    private static func parse(_ text: String) -> [String: String] {
        var answer: [String: String] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("isthmus ") {
            let pair = line.dropFirst("isthmus ".count).split(separator: "=", maxSplits: 1)
            if pair.count == 2 { answer[String(pair[0])] = String(pair[1]) }
        }
        return answer
    }
}
