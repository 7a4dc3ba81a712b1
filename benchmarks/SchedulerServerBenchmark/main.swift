// The real scheduler over real sockets, with many worker sessions that take no time for a task: `swift run
// -c release SchedulerServerBenchmark [WORKERS]`. Two figures: tasks per second when the client never waits,
// and, at 10,000 tasks a second, the time from the client's submit to the arrival of the assignment at its
// worker. That is more than the time from accept to assign, for which the budget is 1 ms (p99): both sockets
// and the loops of the peers, who share this machine's cores with the scheduler, are in it.

import Glibc
import Logging
import Posix
import SchedulerServer
import SessionTransport
import Synchronization
import TaskModel
import Wire
import ZeroMQ

let workers = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000
let burst = 500_000
let paced = (tasksPerSecond: 10_000, seconds: 5)

let directory = "/tmp/isthmus-benchmark-\(processID())"
try makePrivateDirectory(directory)
let address = "ipc://\(directory)/scheduler.ipc"
let context = Context()
let service = SchedulerService(
    configuration: SchedulerConfiguration(name: "benchmark", addresses: [address]), context: context,
    logger: Logger(label: "benchmark", factory: { _ in SwiftLogNoOpLogHandler() }))
let running = Task { try await service.run() }
_ = try await service.listening()

/// What both threads of peers see: when each task was submitted, in nanoseconds of the common clock.
let submitted = Submissions(count: burst + paced.tasksPerSecond * paced.seconds)
let fleet = try WorkerFleet(count: workers, address: Address(address), context: context, submitted)
try measure()
running.cancel()
_ = await running.result
removeFile(directory + "/scheduler.ipc.lock")
removeEmptyFolder(directory)

func measure() throws {
    let workerThread = try OSThread(name: "workers") { fleet.run() }
    while !fleet.isConnected { usleep(1_000) }

    let client = try PacedClient(address: Address(address), context: context, submitted)
    try client.connect()
    let (wall, cpu) = try client.submitAndGather(burst)
    print("\(workers) worker sessions, \(burst) tasks at once: \(Int(Double(burst) / wall)) tasks/s,")
    print(
        "\(tenths(1e6 * cpu / Double(burst))) µs of CPU per task: scheduler, client and all workers together")
    fleet.forgetSamples()
    try client.submitPaced(perSecond: paced.tasksPerSecond, seconds: paced.seconds)
    let samples = fleet.samples.sorted()
    func percentile(_ share: Double) -> String {
        tenths(Double(samples[Int(share * Double(samples.count - 1))]) / 1e3)
    }
    print(
        "\(paced.tasksPerSecond) tasks/s for \(paced.seconds) s, submit to assignment: "
            + "p50 \(percentile(0.5)) µs, p99 \(percentile(0.99)) µs, p99.9 \(percentile(0.999)) µs")
    fleet.stop()
    workerThread.join()
}

func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

/// Instants of submission by sequence. The client writes a place before the task leaves, and a worker reads
/// it after the task came.
final class Submissions: Sendable {
    private let instants: [Atomic64]

    init(count: Int) { instants = (0...count).map { _ in Atomic64() } }

    func note(_ sequence: UInt64, _ now: Instant) { instants[Int(sequence)].set(now.nanoseconds) }
    func instant(_ sequence: UInt64) -> Int64 { instants[Int(sequence)].value }
}

final class Atomic64: Sendable {
    private let held = Atomic<Int64>(0)

    var value: Int64 { held.load(ordering: .acquiring) }
    func set(_ value: Int64) { held.store(value, ordering: .releasing) }
}
