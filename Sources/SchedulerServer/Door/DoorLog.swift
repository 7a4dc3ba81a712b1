// Who could not be let in, for the operator. A peer tries again and again, and strangers may try as fast as
// they can: the same trouble is logged once in a while, with how often it has come.

import Logging
import SessionTransport
import TaskModel

struct DoorLog {
    private struct Entry {
        var until: Instant
        var unsaid = 0
    }

    private var entries: [DoorTrouble: Entry] = [:]

    mutating func note(_ trouble: DoorTrouble, _ logger: Logger, _ now: Instant) {
        if let entry = entries[trouble], now < entry.until {
            entries[trouble]?.unsaid += 1
            return
        }
        if entries.count >= Limits.strangersToldMax {
            entries = entries.filter { now < $0.value.until }
            // More of them than anybody reads.
            guard entries.count < Limits.strangersToldMax else { return }
        }
        let unsaid = entries[trouble]?.unsaid ?? 0
        entries[trouble] = Entry(until: now + Limits.doorLogInterval)
        var metadata: Logger.Metadata = unsaid > 0 ? ["repeated": "\(unsaid)"] : [:]
        switch trouble {
        case .unknownKey(let origin):
            metadata["peer"] = "\(origin)"
            metadata["advice"] = "add its line of `authorized` to that of this scheduler, and start it again"
            logger.warning("a peer was refused: its key is not on the list", metadata: metadata)
        case .handshakeFailed(let address):
            metadata["address"] = "\(address)"
            metadata["advice"] =
                "its key file may be that of another scheduler, or it speaks another protocol"
            logger.warning("a peer was refused: it does not know this scheduler's key", metadata: metadata)
        case .noDescriptors(let address):
            metadata["address"] = "\(address)"
            logger.error(
                "no descriptor is left: nobody new is let in until some are; raise the limit (ulimit -n)",
                metadata: metadata)
        }
    }
}
