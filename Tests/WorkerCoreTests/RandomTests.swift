import Testing

@Suite struct RandomTests {
    /// Whatever happens, each attempt ends exactly once and nothing is begun twice.
    @Test func everyAttemptEndsOnce() {
        var ended = 0
        for seed in UInt64(1)...1_000 {
            var driver = RandomDriver(seed: seed)
            driver.run(steps: 400)
            #expect(driver.violation == nil, "seed \(seed): \(driver.violation ?? "")")
            ended += driver.ended
            if driver.violation != nil { break }
        }
        #expect(ended > 250_000)
    }
}
