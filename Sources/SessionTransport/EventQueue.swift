/// Events in order; keeps its capacity.
struct EventQueue<Event> {
    private var events: [Event?] = []
    private var first = 0

    var isEmpty: Bool { first == events.count }

    mutating func append(_ event: Event) { events.append(event) }

    mutating func take() -> Event? {
        guard first < events.count else { return nil }
        let event = events[first]
        events[first] = nil
        first += 1
        if first == events.count {
            events.removeAll(keepingCapacity: true)
            first = 0
        }
        return event
    }
}
