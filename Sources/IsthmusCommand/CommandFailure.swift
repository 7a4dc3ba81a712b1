/// Why a verb did not do its work: a sentence for a person that says what to do, and the exit code.
struct CommandFailure: Error {
    enum Code: Int32 {
        case failure = 1
        case usage = 2
        case noCluster = 3
    }

    let code: Code
    let message: String

    init(_ message: String, code: Code = .failure) {
        self.message = message
        self.code = code
    }
}
