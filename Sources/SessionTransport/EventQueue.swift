/// Events in order; keeps its capacity.
struct EventQueue<Event> {
    private var events: [Event?] = []
    private var first = 0

    /// So many events that were taken may stay in front of the others.
    private static var takenMax: Int { 1_024 }

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
        } else if first > Self.takenMax && first > events.count / 2 {
            // One that is never empty must not grow for ever.
            events.removeFirst(first)
            first = 0
        }
        return event
    }
}
