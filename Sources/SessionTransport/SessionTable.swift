internal import SessionCore
import TaskModel
internal import Wire

/// The sessions of an acceptor: by place, by id and by connection.
struct SessionTable {
    private var entries: [AcceptedSession?] = []
    private var generations: [UInt32] = []
    private var free: [Int] = []
    private var byID: [SessionID: Int] = [:]
    private var byRoute: [Route: Int] = [:]
    let touched = TouchedLinks()

    var count: Int { byID.count }
    var places: Range<Int> { entries.indices }

    subscript(_ handle: SessionHandle) -> AcceptedSession? {
        let index = Int(handle.index)
        guard index < entries.count, generations[index] == handle.generation else { return nil }
        return entries[index]
    }
    subscript(_ id: SessionID) -> AcceptedSession? { byID[id].flatMap { entries[$0] } }
    subscript(_ route: Route) -> AcceptedSession? { byRoute[route].flatMap { entries[$0] } }
    func at(_ place: Int) -> AcceptedSession? { entries[place] }

    mutating func insert(
        _ session: consuming Session, hello: Handshake, keyName: String?, route: Route
    ) -> AcceptedSession {
        let place: Int
        if let last = free.popLast() {
            place = last
        } else {
            place = entries.count
            entries.append(nil)
            generations.append(0)
        }
        let id = session.id
        let handle = SessionHandle(index: UInt32(place), generation: generations[place])
        let link = OutgoingLink(session, touched: touched, place: place)
        let entry = AcceptedSession(handle, link, hello: hello, keyName: keyName, route: route)
        entries[place] = entry
        byID[id] = place
        byRoute[route] = place
        return entry
    }

    /// The session is reached over this connection from now on, and over no other.
    mutating func move(_ entry: AcceptedSession, to route: Route?) {
        if let old = entry.route { byRoute[old] = nil }
        entry.route = route
        if let route { byRoute[route] = Int(entry.handle.index) }
    }

    mutating func remove(_ entry: AcceptedSession) {
        let place = Int(entry.handle.index)
        move(entry, to: nil)
        byID[entry.link.session.id] = nil
        entries[place] = nil
        generations[place] &+= 1
        free.append(place)
    }
}
