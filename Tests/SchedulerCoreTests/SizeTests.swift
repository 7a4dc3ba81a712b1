import SchedulerCore
import Testing

/// Events and actions are copied by the million, and tasks wait by the million.
@Suite struct SizeTests {
    @Test func eventsAndActionsAreSmall() {
        #expect(MemoryLayout<Action>.stride <= 24)
        #expect(MemoryLayout<Event>.stride <= 32)
        #expect(MemoryLayout<AttemptReport>.stride <= 32)
    }

    @Test func aTaskTakesLessThanAHundredAndTwentyBytes() {
        #expect(Scheduler.bytesPerTask <= 120)
    }
}
