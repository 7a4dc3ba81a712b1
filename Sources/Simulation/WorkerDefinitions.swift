// What a worker was told of sessions, and passes on to executors.

import TaskModel
import WorkerCore

/// What the places of the core's `Definitions` stand for: in the product, the bytes of definitions.
struct DefinitionNames {
    fileprivate var functions: [Int: Definition] = [:]
    fileprivate var sessions: [Int: SessionID] = [:]
}

extension WorkerNode {
    func place(of function: Definition) -> Int {
        definitions.place(of: function.number, in: function.session) { core.addFunction() }
    }

    func define(_ function: Definition) {
        let place = place(of: function)
        definitions.define(place)
        names.functions[place] = function
    }

    func addSetup(_ id: SessionID) {
        let function = place(of: Definition(session: id, number: Workload.initializer))
        let session = definitions.session(id)
        definitions.addSetup(calling: function, session: session)
        names.sessions[session] = id
    }

    /// What an executor lacks for its next attempt; nil if nobody has told the worker.
    func request(for need: Definitions.Need) -> ExecutorRequest? {
        switch need {
        case .function(let place): names.functions[place].map { .define($0) }
        case .setup(let session, _): names.sessions[session].map { .setUp($0) }
        }
    }

    func tellWhatIsGone() {
        var news: [Definitions.News] = []
        definitions.takeNews(into: &news)
        for gone in news {
            switch gone {
            case .forgetFunction(let session, let number, let executor):
                executors[executor.int].write(.forgetFunction(Definition(session: session, number: number)))
            case .forgetSession(let session, let executor):
                executors[executor.int].write(.forgetSession(session))
            case .functionGone(let place):
                names.functions[place] = nil
                core.removeFunction(FunctionSlot(UInt32(place)))
            case .sessionGone(let place):
                names.sessions[place] = nil
            }
        }
    }
}
