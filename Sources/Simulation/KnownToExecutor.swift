import TaskModel

/// What an executor was told of sessions in one life: it can run nothing else.
struct KnownToExecutor {
    private var functions: Set<Definition> = []
    private var setUp: Set<SessionID> = []

    /// - Returns: what must not be written to an executor, in words.
    mutating func take(_ request: ExecutorRequest) -> String? {
        switch request {
        case .define(let function): functions.insert(function)
        case .setUp(let session):
            if !functions.contains(Definition(session: session, number: Workload.initializer)) {
                return "an executor has to run an initializer that was never defined there"
            }
            if !setUp.insert(session).inserted { return "an executor runs an initializer twice" }
        case .forgetFunction(let function): functions.remove(function)
        case .forgetSession(let session):
            setUp.remove(session)
            for function in functions where function.session == session { functions.remove(function) }
        case .run, .retract, .stop: break
        }
        return nil
    }

    /// What is missing, in words.
    func lacks(for assignment: Assignment, hasInitializer: Bool) -> String? {
        let session = assignment.attempt.task.session
        if !functions.contains(Definition(session: session, number: assignment.spec.function)) {
            return "its function was never defined there"
        }
        return hasInitializer && !setUp.contains(session) ? "has not run its initializer" : nil
    }
}

extension ExecutorRequest {
    /// What it is about, if it is one of those that are about an attempt to be run.
    var attempt: AttemptID? {
        switch self {
        case .run(let assignment): assignment.attempt
        case .define, .setUp, .forgetFunction, .forgetSession, .retract, .stop: nil
        }
    }
}
