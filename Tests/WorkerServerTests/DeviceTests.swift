import Foundation
import SessionTransport
import TaskModel
import Testing
import Wire
import WorkerServer

/// Gpus that a worker offers: their names, and what executors are told.
@Suite(.serialized) struct DeviceTests {
    @Test func theNamesOfDevicesComeInFrontOfTheirAttempt() async throws {
        let harness = try Harness(slots: 1) { $0.devices = ["4", "GPU-a", "7"] }
        try await harness.joined()
        #expect(harness.hello?.fields["resource.gpu"]?.unsigned == 3_000)
        harness.define(1)
        harness.setup(function: 1)
        harness.assign(1, Array("seen".utf8), devices: 0b110)
        #expect(try await harness.outcome(of: 1).text == "devices GPU-a,7,function 1,setup")
    }

    @Test func aProcessServesOneSetAndThenEndsByItself() async throws {
        let harness = try Harness(slots: 1) { $0.devices = ["0", "1"] }
        try await harness.joined()
        var processes: [String] = []
        for (sequence, devices) in [(UInt64(1), UInt64(1)), (2, 1), (3, 2), (4, 0), (5, 0)] {
            harness.assign(sequence, Array("pid".utf8), devices: devices)
            processes.append(try await harness.outcome(of: sequence).text)
        }
        #expect(processes[0] == processes[1])
        #expect(processes[3] == processes[4])
        #expect(Set(processes).count == 3)
    }

    @Test func attemptsWithoutDevicesSeeNone() async throws {
        let harness = try Harness(slots: 1) { $0.devices = ["0"] }
        try await harness.joined()
        harness.assign(1, "environment CUDA_VISIBLE_DEVICES")
        harness.assign(2, "environment HIP_VISIBLE_DEVICES")
        #expect(try await harness.outcome(of: 1).text == "''")
        #expect(try await harness.outcome(of: 2).text == "'-1'")
    }

    @Test func devicesThatTheWorkerHasNotAreNotUsed() async throws {
        let harness = try Harness(slots: 1) { $0.devices = ["0"] }
        try await harness.joined()
        harness.assign(1, Array("pid".utf8), devices: 0b10)
        let outcome = try await harness.outcome(of: 1)
        #expect(outcome.head.status == .lost)
        #expect(outcome.head.reason == .unservable)
        #expect(outcome.detail.contains("has 1 gpus"))
    }

    @Test(
        arguments: [
            ("2", nil, ["0", "1"]), ("0", nil, []), ("0,2,GPU-a", nil, ["0", "2", "GPU-a"]),
            ("3,", nil, ["3"]),
            ("2", "5,GPU-b,7", ["5", "GPU-b"]), ("2,0,GPU-a", "5,GPU-b,7", ["7", "5", "GPU-a"]),
            ("all", nil, ["0", "1", "2"]), ("all", "5,6", ["5", "6"]),
        ] as [(String, String?, [String])])
    func devicesAreNamed(_ text: String, visible: String?, names: [String]) throws {
        #expect(try Devices.named(text, visible: visible, present: 3) == names)
    }

    @Test(
        arguments: [
            ("3", "5,6", "names 2"), ("7,", "5,6", "names 2"), ("1", "", "names 0"), ("-1", nil, "up to 64"),
            ("65", nil, "up to 64"), ("1,1", nil, "named twice"), ("0,5,", "5,6", "names 2"),
            ("all", nil, "no gpu can be seen"), ("all", "-1", "no gpu can be seen"),
        ] as [(String, String?, String)])
    func devicesThatCannotBeOfferedAreRefused(_ text: String, visible: String?, words: String) {
        let error = #expect(throws: WorkerError.self) {
            _ = try Devices.named(text, visible: visible, present: 0)
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains(words))
    }

    @Test func devicesOfTheMachineAreCountedByTheirFiles() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "isthmus-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"] {
            try Data().write(to: folder.appending(path: name))
        }
        #expect(Devices.present(in: folder.path(percentEncoded: false)) == 2)
    }
}
