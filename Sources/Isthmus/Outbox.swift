import TaskModel
import Wire

/// What the client says to the scheduler, in the order in which it has to arrive.
enum Letter: Sendable {
    case defineFunction(UInt32, ExecutorKind, definition: [UInt8])
    case defineOptions(UInt32, [Field])
    case submit(Submitted)
    case cancel(UInt64, running: Bool)
    case release(UInt64)
    /// The value, however large it is.
    case want(UInt64)
    case setup(function: UInt32, arguments: [UInt8])
}

struct Submitted: Sendable {
    let sequence: UInt64
    let function: UInt32
    let options: UInt32
    let kind: ExecutorKind
    let parent: TaskID?
    let dependencies: [UInt64]
    let arguments: [UInt8]
}

/// Unfinished tasks and their bytes that the scheduler still takes, and who waits for them, first come first
/// served: a large task is not starved by small ones.
struct Credit: ~Copyable {
    private(set) var tasks = 0
    private(set) var bytes = 0
    private var tasksMax = 0
    private var bytesMax = 0
    private var waiting: [(bytes: Int, waiter: Waiter<IsthmusError?>)] = []
    private var firstWaiting = 0

    mutating func grant(tasks: Int, bytes: Int) {
        self.tasks += tasks - tasksMax
        self.bytes += bytes - bytesMax
        tasksMax = tasks
        bytesMax = bytes
    }

    /// All credit is there again: nothing of the old session counts in the new one.
    mutating func restart() {
        tasks = tasksMax
        bytes = bytesMax
    }

    /// No task of this size is ever taken.
    func isTooLarge(_ count: Int) -> Bool { count > bytesMax }

    var largest: Int { bytesMax }

    /// Takes credit for one task, unless others wait for theirs.
    mutating func take(_ count: Int) -> Bool {
        guard firstWaiting == waiting.count else { return false }
        return takeNow(count)
    }

    mutating func wait(_ count: Int, _ waiter: Waiter<IsthmusError?>) { waiting.append((count, waiter)) }

    mutating func giveBack(_ count: Int) {
        // Credit that was taken before the session began anew is not there twice.
        tasks = min(tasks + 1, tasksMax)
        bytes = min(bytes + count, bytesMax)
        serve()
    }

    /// Hands credit to those who wait, in their order.
    mutating func serve() {
        while firstWaiting < waiting.count, takeNow(waiting[firstWaiting].bytes) {
            let next = waiting[firstWaiting]
            firstWaiting += 1
            // One who no longer waits leaves the credit to the next.
            if !next.waiter.give(nil) {
                tasks += 1
                bytes += next.bytes
            }
        }
        if firstWaiting > 1_000 || firstWaiting == waiting.count {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
    }

    mutating func fail(_ error: IsthmusError) {
        for next in waiting[firstWaiting...] { next.waiter.give(error) }
        waiting = []
        firstWaiting = 0
    }

    private mutating func takeNow(_ count: Int) -> Bool {
        guard tasks > 0, bytes >= count else { return false }
        tasks -= 1
        bytes -= count
        return true
    }
}
