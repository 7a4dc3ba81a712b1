// Why a task was not run although nothing was wrong with it: the failure with which a chain of them began. It
// is known once, at the task that failed first, and handed down, so words do not grow with the chain.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

/// The failure that others fail with.
struct FirstCause: Hashable {
    let task: TaskID
    /// What it called; empty if that has no name.
    let function: String
    let status: OutcomeStatus
    let reason: OutcomeReason
    /// `ValueError: no luck`, or what the system had to say.
    let words: String

    /// `task 0123456789abcdef-7 (divide)`
    var name: String { function.isEmpty ? "task \(task)" : "task \(task) (\(function))" }

    /// How it ended, behind its name.
    var how: String {
        switch status {
        case .cancelled: "was cancelled"
        case .refused: "was refused"
        case .value, .exception, .lost, .timedOut: "failed"
        }
    }

    /// What the client reads beside the exception, as neutral bytes: an exception summary that says whose it
    /// is. `summary` is that of the task itself, if there is one.
    func summary(adding summary: NeutralValue?) -> [UInt8] {
        var pairs: [NeutralPair] = []
        if case .map(let known)? = summary { pairs = known }
        pairs.append(NeutralPair(.string("detail"), .string(words)))
        pairs.append(NeutralPair(.string("task"), .string("\(task)")))
        pairs.append(NeutralPair(.string("function"), .string(function)))
        pairs.append(NeutralPair(.string("status"), .int(Int64(status.rawValue))))
        pairs.append(NeutralPair(.string("reason"), .int(Int64(reason.rawValue))))
        var writer = ByteWriter()
        do throws(NeutralError) {
            try writer.neutral(.map(pairs))
        } catch {
            preconditionFailure("a map that was read cannot be written: \(error)")
        }
        return writer.bytes
    }
}

extension SchedulerLoop {
    /// What failed first, when `cause` ended without a value.
    func firstCause(of cause: TaskSlot) -> FirstCause {
        if let known = tasks.made(cause)?.firstCause { return known }
        let entry = tasks[cause]
        let head = entry.isMade ? nil : entry.outcome?.head()
        let status = tasks.made(cause)?.status ?? head?.status ?? .exception
        let reason = tasks.made(cause)?.reason ?? head?.reason ?? .none
        return FirstCause(
            task: entry.id, function: displayName(of: entry), status: status, reason: reason,
            words: words(of: cause, entry, status, reason))
    }

    /// The name that listings show: the option, else the function's.
    func displayName(of entry: TaskEntry) -> String {
        guard let client = peers.client(entry.client) else { return functions.name(entry.function) }
        return displayName(entry.options, entry.function, of: client)
    }

    func displayName(_ options: UInt32, _ function: FunctionKey, of client: ClientPeer) -> String {
        let option = client.options.usable(options).name
        return option.isEmpty ? functions.name(function) : option
    }

    private func words(
        of task: TaskSlot, _ entry: TaskEntry, _ status: OutcomeStatus, _ reason: OutcomeReason
    ) -> String {
        if let made = tasks.made(task) { return made.detail }
        var words: [String] = []
        if status == .exception, let summary = entry.outcome?.exceptionSummary(),
            let name = summary["class"]?.string
        {
            let message = (summary["message"]?.string ?? "").prefix(Self.messageCharactersMax)
            words.append(message.isEmpty ? name : "\(name): \(message)")
        }
        // An executor has the same words for an exception that it could not pickle.
        if let detail = entry.outcome?.detail(), !detail.isEmpty, !words.contains(detail) {
            words.append(detail)
        }
        return words.isEmpty ? self.words(of: entry, status, reason) : words.joined(separator: "; ")
    }

    /// Of an exception's message that is quoted in the outcomes of all that depend on its task.
    private static var messageCharactersMax: Int { 500 }
}

extension StoredRecord {
    /// Of an outcome, as its executor summed the exception up; nil if it did not.
    func exceptionSummary() -> NeutralValue? {
        var found: NeutralValue?
        forEachPart { part, bytes in
            guard part.kind == .exceptionSummary, part.payload.codec == .neutral else { return }
            found = try? NeutralValue(decoding: bytes())
        }
        return found
    }
}
