import ExecutorRuntime
import Posix
import PythonHost
import Testing

/// What an executor says when it cannot host the Python that it was told to. Everything that needs a running
/// interpreter is tested in bridge/tests, with real executors.
@Suite(.serialized) struct LibraryTests {
    @Test(arguments: [
        ("/nowhere/libpython3.11.so", "/nowhere/libpython3.11.so"),
        ("libm.so.6", "has no symbol Py_BytesMain"),
    ]) func aLibraryThatCannotServeIsNamed(library: String, expected: String) throws {
        let socket = try SocketPair().split { _, theirs in theirs.release() }
        let channel = try ExecutorChannel(socket: socket, whenAbandoned: {})
        let executor = PythonExecutor(python: "/usr/bin/python3", library: library, bridge: "/nowhere")
        let error = #expect(throws: ExecutorError.self) { try executor.run(channel) }
        #expect(error?.description.contains(expected) == true)
    }
}
