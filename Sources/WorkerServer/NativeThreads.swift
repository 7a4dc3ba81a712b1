/// How many threads native libraries start by themselves in an executor. Left alone, each takes one per core
/// of the machine, in every executor.
enum NativeThreads {
    /// OpenMP's counts for the others too, where they have nothing of their own.
    private static let general = "OMP_NUM_THREADS"

    /// Those that joblib sets for its processes.
    private static let others = [
        "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    ]

    /// What is to be added to an environment. Whoever has set a variable is right; whoever has set OpenMP's
    /// means all of them.
    static func variables(beside environment: [String], cpus: UInt64) -> [String] {
        func isSet(_ name: String) -> Bool { environment.contains { $0.hasPrefix(name + "=") } }
        if isSet(general) { return [] }
        return ([general] + others).filter { !isSet($0) }.map { "\($0)=\(cpus)" }
    }
}
