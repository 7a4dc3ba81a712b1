import ExecutorRuntime
import Posix
import PythonHost

/// `isthmus-executor --python /venv/bin/python --library /path/libpython3.11.so`, started by a worker with
/// the socket to it as descriptor 3.
func option(_ name: String) -> String? {
    let arguments = CommandLine.arguments
    guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else { return nil }
    return arguments[index + 1]
}

guard let python = option("--python"), let library = option("--library") else {
    writeError(
        """
        isthmus-executor is started by `isthmus up` and `isthmus worker`, which tell it what to host:
        isthmus-executor --python PYTHON --library LIBPYTHON

        """)
    exitAtOnce(64)
}
do {
    let channel = try ExecutorChannel()
    do {
        let greeting = try channel.greeting()
        let executor = PythonExecutor(python: python, library: library, bridge: greeting.bridge)
        exitAtOnce(try executor.run(channel))
    } catch {
        channel.fail(error.description)
        throw error
    }
} catch {
    writeError("isthmus-executor: \(error)\n")
    exitAtOnce(1)
}
