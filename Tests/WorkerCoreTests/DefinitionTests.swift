import TaskModel
import Testing
import WorkerCore

/// What executors are told of sessions, and what they know then.
@Suite struct DefinitionTests {
    private static let session = SessionID(7)
    private static let executors = [ExecutorIndex(0), ExecutorIndex(1)]

    /// A worker with two executors that know what was written to them.
    private final class Worker {
        var definitions = Definitions(executors: 2)
        var functions: UInt32 = 0
        var names: [Int: UInt32] = [:]
        var known = [Set<UInt32>](repeating: [], count: 2)
        var setups = [0, 0]
        var sessions: Int { definitions.sessionCount }

        func place(_ number: UInt32) -> Int {
            let next = functions
            var isNew = false
            let place = definitions.place(of: number, in: DefinitionTests.session) {
                isNew = true
                return FunctionSlot(next)
            }
            if isNew { functions += 1 }
            names[place] = number
            return place
        }

        func define(_ number: UInt32) {
            let place = place(number)
            definitions.define(place)
        }

        /// - Returns: whether the executor knows the function when it comes to the attempt.
        func send(_ number: UInt32, to executor: Int) -> Bool {
            let place = place(number)
            definitions.retain(place)
            var needs: [Definitions.Need] = []
            definitions.needs(of: place, at: DefinitionTests.executors[executor], into: &needs)
            for need in needs {
                switch need {
                case .function(let place): if let name = names[place] { known[executor].insert(name) }
                case .setup: setups[executor] += 1
                }
            }
            return known[executor].contains(number)
        }

        func tell() {
            var news: [Definitions.News] = []
            definitions.takeNews(into: &news)
            for gone in news {
                switch gone {
                case .forgetFunction(_, let number, let executor): known[executor.int].remove(number)
                case .forgetSession(_, let executor):
                    known[executor.int] = []
                    setups[executor.int] = 0
                case .functionGone, .sessionGone: break
                }
            }
        }
    }

    @Test func aSessionThatComesBackIsKnownThoughItsOldAttemptsEndLater() {
        let worker = Worker()
        worker.define(1)
        #expect(worker.send(1, to: 0))
        let old = worker.place(1)
        #expect(worker.send(1, to: 1))
        worker.definitions.release(old)
        // The scheduler has forgotten this worker; executor 0 is being killed, which takes time.
        worker.definitions.forgetAll()
        worker.tell()
        worker.define(1)
        worker.tell()
        #expect(worker.send(1, to: 1))
        worker.definitions.release(old)
        worker.tell()
        #expect(worker.send(1, to: 1))
        #expect(worker.sessions == 1)
    }

    @Test func aForgottenSessionIsForgottenEverywhere() {
        let worker = Worker()
        worker.define(1)
        _ = worker.send(1, to: 0)
        let place = worker.place(1)
        worker.definitions.forget(Self.session)
        worker.tell()
        #expect(worker.known[0] == [1])
        worker.definitions.release(place)
        worker.tell()
        #expect(worker.known[0] == [])
        #expect(worker.sessions == 0)
    }

    @Test func aFunctionThatIsDefinedAgainIsSentAgain() {
        let worker = Worker()
        worker.define(1)
        _ = worker.send(1, to: 0)
        worker.definitions.release(worker.place(1))
        worker.definitions.forget(1, in: Self.session)
        worker.define(1)
        worker.tell()
        #expect(worker.send(1, to: 0))
    }

    @Test func anInitializerRunsOncePerProcess() {
        let worker = Worker()
        worker.define(1)
        worker.define(2)
        let session = worker.definitions.session(Self.session)
        worker.definitions.addSetup(calling: worker.place(2), session: session)
        #expect(worker.send(1, to: 0))
        #expect(worker.send(1, to: 0))
        #expect(worker.setups == [1, 0])
        #expect(worker.known[0] == [1, 2])
        worker.definitions.started(ExecutorIndex(0))
        #expect(worker.send(1, to: 0))
        #expect(worker.setups == [2, 0])
    }
}
