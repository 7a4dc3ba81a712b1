internal import CPython
package import ExecutorRuntime
internal import Glibc

/// Hosts the interpreter of one environment in this process, for as long as the process lives.
package struct PythonExecutor {
    /// The environment's own `python`: what `sys.executable` will be.
    package let python: String
    /// Its libpython.
    package let library: String
    /// Folder of `isthmus_bridge`.
    package let bridge: String

    package init(python: String, library: String, bridge: String) {
        self.python = python
        self.library = library
        self.bridge = bridge
    }

    /// Runs tasks on the calling thread, which has to be the process's first, until the worker says
    /// `shutdown`. Answers with an exit status; throws when the library cannot be loaded.
    package func run(_ channel: ExecutorChannel) throws(ExecutorError) -> Int32 {
        Self.prepareEnvironment()
        Self.growStack()
        if let complaint = unsafe cpython_load(library) {
            throw unsafe ExecutorError(String(cString: complaint))
        }
        BuiltinModule.register(channel)
        let thread = StopSignal.thisThread
        channel.onStop { _, _ in StopSignal.send(to: thread) }
        // The interpreter keeps these for as long as it lives.
        let arguments = [python, "-c", bootstrap]
        let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
            capacity: arguments.count + 1)
        for (index, argument) in arguments.enumerated() { unsafe vector[index] = strdup(argument) }
        unsafe vector[arguments.count] = nil
        return unsafe Py_BytesMain(Int32(arguments.count), vector)
    }

    /// Imports the bridge from its folder without touching `sys.path`, so that nothing of ours shadows what a
    /// task imports. Nor does the folder in which the worker was started: `python -c` puts it in front, and a
    /// file of it would stand for a module of the standard library. `threading` first of all others, so that
    /// this thread is the main one also in Python's eyes.
    private var bootstrap: String {
        """
        import sys
        if sys.path[:1] == ['']: del sys.path[0]
        import threading
        def _start(folder):
            from importlib.util import module_from_spec, spec_from_file_location
            spec = spec_from_file_location(
                'isthmus_bridge', folder + '/__init__.py', submodule_search_locations=[folder])
            module = module_from_spec(spec)
            sys.modules['isthmus_bridge'] = module
            spec.loader.exec_module(module)
            from isthmus_bridge import executor
            return executor.main
        try:
            _start = _start(\(Self.literal(bridge)))
        except BaseException as error:
            import _isthmus
            _isthmus.failed(f'isthmus_bridge cannot be loaded by {sys.executable}: {error!r}')
            sys.exit(1)
        _start()
        """
    }

    /// A text as a Python literal.
    private static func literal(_ text: String) -> String {
        let hexadecimal = text.utf8.map { byte in "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
        return "b'\(hexadecimal.joined())'.decode('utf-8', 'surrogateescape')"
    }

    /// What would make this interpreter another one than the environment's own `python`, or keep it from
    /// ending. `PYTHONPATH` and the rest are the user's and stay.
    private static func prepareEnvironment() {
        for name in [
            "PYTHONHOME", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "PYTHONINSPECT", "__PYVENV_LAUNCHER__",
        ] {
            _ = unsafe unsetenv(name)
        }
    }

    /// Tasks run on the process's first thread, whose stack may grow up to this limit.
    private static func growStack() {
        let wanted = rlim_t(16 << 20)
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_STACK.rawValue), &limit) == 0 else { return }
        if limit.rlim_cur < wanted, limit.rlim_max >= wanted {
            limit.rlim_cur = wanted
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_STACK.rawValue), &limit)
        }
    }
}
