// A client's functions: defined once, sent to each worker once, forgotten when the last task is done.

import SchedulerCore
import SessionTransport
import TaskModel
import Wire

extension SchedulerLoop {
    /// The client's function `number`, or the nameless one of tasks whose arguments carry the callable.
    mutating func function(
        _ number: UInt32, _ kind: ExecutorKind, of client: ClientPeer
    ) throws(WireError) -> FunctionKey {
        if number == client.lastFunctionNumber, functions[client.lastFunction].kind == kind {
            return client.lastFunction
        }
        if number == 0 {
            guard kind == .python else {
                throw WireError("function 0 is for Python; define the function first")
            }
            if let callable = client.callable { return callable }
            let key = try insert(number, .python, nil, named: "", pickled: true, of: client)
            client.callable = key
            return key
        }
        guard let key = client.functions[number] else { throw WireError("function \(number) is not defined") }
        guard functions[key].kind == kind else {
            throw WireError("function \(number) is of kind \(functions[key].kind), the task says \(kind)")
        }
        client.lastFunctionNumber = number
        client.lastFunction = key
        return key
    }

    mutating func define(
        _ definition: FunctionDefinition, _ record: Record, _ bytes: RawSpan, of frame: ReceivedFrame,
        from client: ClientPeer
    ) throws(WireError) {
        let number = definition.function
        guard number != 0, number != ConversionFunction.number else {
            throw WireError("function \(number) is reserved")
        }
        guard client.functions[number] == nil else {
            throw WireError("function \(number) is defined already")
        }
        guard client.functions.count < Limits.functionsPerSessionMax else {
            throw WireError(
                "more than \(Limits.functionsPerSessionMax) functions at once; forget some of them")
        }
        guard definition.definition.form != .reference else {
            throw WireError("object references are not served yet")
        }
        let stored = StoredRecord(record, of: frame)
        var name = ""
        if definition.definition.codec == .neutral {
            name = try Self.functionName(definition.definition, bytes, record, of: frame)
        } else if definition.definition.codec == .pickle, definition.definition.form == .inline {
            name = PickledName.read(bytes.extracting(definition.definition.inline)) ?? ""
        }
        client.functions[number] = try insert(
            number, definition.kind, stored, named: name, pickled: definition.definition.codec == .pickle,
            of: client)
    }

    mutating func forgetFunction(_ number: UInt32, of client: ClientPeer) {
        guard let key = client.functions[number] else { return }
        // Workers that join later still need it for the initializer.
        if client.setups.contains(where: { $0.function == key }) { return }
        client.functions[number] = nil
        if client.lastFunctionNumber == number { client.lastFunctionNumber = .max }
        functions[key].isForgotten = true
        if functions[key].tasks == 0 { dropFunction(key) }
    }

    /// A task of this function will not be assigned again.
    mutating func leaveFunction(_ key: FunctionKey) {
        functions[key].tasks -= 1
        if functions[key].isForgotten, functions[key].tasks == 0 { dropFunction(key) }
    }

    /// Nobody will call it again: workers may forget it, and its number rests.
    mutating func dropFunction(_ key: FunctionKey) {
        let entry = functions[key]
        if entry.number != 0, let client = peers.client(entry.client), !client.isClosed {
            for worker in peers.allWorkers() where entry.knownBy.contains(worker.slot) {
                worker.link.beginRecord(.forgetWorkerFunction)
                worker.link.writer.uint64(client.about.session.rawValue)
                worker.link.writer.uint32(entry.number)
                worker.link.endRecord()
            }
        }
        functions.remove(key)
        core.forgetFunction(key)
    }

    /// The session's function that turns a pickled value into neutral form.
    mutating func conversion(of client: ClientPeer) -> FunctionKey {
        if let conversion = client.conversion { return conversion }
        let key = functions.insert(
            FunctionEntry(
                client: client.slot, number: ConversionFunction.number, kind: .python, definition: nil,
                whenPickled: nil, whenNeutral: nil),
            name: ConversionFunction.name)
        client.conversion = key
        return key
    }

    private mutating func insert(
        _ number: UInt32, _ kind: ExecutorKind, _ definition: StoredRecord?, named name: String,
        pickled: Bool,
        of client: ClientPeer
    ) throws(WireError) -> FunctionKey {
        var whenPickled: RequirementID?
        var whenNeutral: RequirementID?
        switch kind {
        case .python:
            if let python = client.about.python { whenPickled = try intern(.pickle(python: python)) }
            whenNeutral = pickled ? whenPickled : try intern(.anyPython)
            // Function 0 has no definition, so its arguments must carry the callable.
            if number == 0 { whenNeutral = nil }
        case .swift:
            whenNeutral = try intern(.swift(function: name))
        case .command:
            break
        }
        return functions.insert(
            FunctionEntry(
                client: client.slot, number: number, kind: kind, definition: definition,
                whenPickled: whenPickled,
                whenNeutral: whenNeutral),
            name: name)
    }

    private mutating func intern(_ requirement: Requirement) throws(WireError) -> RequirementID {
        guard let id = requirements.id(of: requirement) else {
            throw WireError("more than \(Limits.requirementsMax) different functions and Pythons are named")
        }
        return id
    }

    /// The import path or registered name, or the name beside a source text.
    private static func functionName(
        _ payload: PayloadView, _ bytes: RawSpan, _ record: Record, of frame: ReceivedFrame
    ) throws(WireError) -> String {
        let value: NeutralValue
        do throws(NeutralError) {
            if payload.form == .attached {
                value = try frame.withBytes(of: 1 + record.firstAttachment) {
                    (bytes: RawSpan) throws(NeutralError) in
                    try NeutralValue(decoding: bytes)
                }
            } else {
                value = try NeutralValue(decoding: bytes.extracting(payload.inline))
            }
        } catch {
            throw WireError("a function's definition is not a neutral value: \(error)")
        }
        switch value {
        case .string(let name):
            return name
        case .map(let pairs):
            if case .string(let name) = pairs.first(where: { $0.key == .string("name") })?.value {
                return name
            }
            throw WireError("a function's source has no name")
        case .null, .bool, .int, .unsigned, .float, .bytes, .array, .ndArray, .uuid, .decimal, .instant,
            .dependency:
            throw WireError("a function's definition must be a name, or a map of source and name")
        }
    }
}

/// The bridge's own function that unpickles a value and answers with its neutral form.
enum ConversionFunction {
    /// A number that no client may use.
    static let number = UInt32.max
    static let name = "convert"
    static let digest = Array("isthmus:convert1".utf8)
    /// `[dependency 0]` in neutral form: MessagePack extension type 2 with a u32.
    static let arguments: [UInt8] = [0x91, 0xd6, 0x02, 0, 0, 0, 0]
}
