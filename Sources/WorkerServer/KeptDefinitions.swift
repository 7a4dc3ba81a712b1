import SessionTransport
import TaskModel
import Wire
import WorkerCore

/// A record that is kept to be sent to executors later. Its bytes are copied, for the frame that it came in
/// may hold many tasks; a frame with attachments is kept.
struct KeptRecord {
    let bytes: [UInt8]
    private let frame: ReceivedFrame?
    private let firstAttachment: Int
    private let attachments: Int

    init(_ record: Record, of frame: ReceivedFrame) {
        bytes = frame.withBytes(of: 0) { $0.copied(record.whole) }
        self.frame = record.attachments > 0 ? frame : nil
        firstAttachment = record.firstAttachment
        attachments = record.attachments
    }

    /// Of a function's definition: which executors call it. Behind the record's head, session and number.
    var functionKind: ExecutorKind? { bytes.count > 20 ? ExecutorKind(rawValue: bytes[20]) : nil }

    func write(to output: inout ExecutorOutput) {
        output.tail.raw(bytes)
        guard let frame else { return }
        for attachment in 0..<attachments { output.attach(part: 1 + firstAttachment + attachment, of: frame) }
    }
}

/// The bytes of what clients' sessions have defined, by the places of the core's `Definitions`.
struct KeptDefinitions: ~Copyable {
    /// Nil for function 0 (the arguments carry the callable), and before the definition has come.
    private var functions: [KeptRecord?] = []
    private var setups: [[KeptRecord]] = []
    /// An initializer ended an executor of this kind: what the session's attempts are told.
    private var broken: [SessionID: (kind: ExecutorKind, words: String)] = [:]

    mutating func keep(_ record: KeptRecord, function place: Int) {
        while functions.count <= place { functions.append(nil) }
        functions[place] = record
    }

    mutating func keep(_ record: KeptRecord, setupOf place: Int) {
        while setups.count <= place { setups.append([]) }
        setups[place].append(record)
    }

    func write(_ need: Definitions.Need, to output: inout ExecutorOutput) {
        switch need {
        case .function(let place): if place < functions.count { functions[place]?.write(to: &output) }
        case .setup(let session, let number): setups[session][number].write(to: &output)
        }
    }

    /// Whether executors of this kind call a function. Function 0, whose arguments carry it, is Python's.
    func isCalled(_ place: Int, by kind: ExecutorKind) -> Bool {
        guard place < functions.count, let definition = functions[place] else { return kind == .python }
        return definition.functionKind == kind
    }

    mutating func dropFunction(_ place: Int) { if place < functions.count { functions[place] = nil } }
    mutating func dropSession(_ place: Int) { if place < setups.count { setups[place] = [] } }

    // MARK: Sessions that are broken

    /// Attempts of this kind that come later would cost one executor each.
    mutating func breakSession(_ session: SessionID, _ kind: ExecutorKind, because words: String) {
        broken[session] = (kind, words)
    }

    mutating func mend(_ session: SessionID) { broken[session] = nil }
    mutating func mendAll() { broken = [:] }

    /// Why no attempt of this kind can run in a session; nil when it can.
    func whyBroken(_ session: SessionID, _ kind: ExecutorKind) -> String? {
        guard !broken.isEmpty, let broken = broken[session], broken.kind == kind else { return nil }
        return broken.words
    }
}
