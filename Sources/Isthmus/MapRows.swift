import TaskModel
import Wire

/// Rows of neutral values, kept as columns.
struct MapColumns {
    var columns: [[NeutralValue]]
    private(set) var count = 0

    init(width: Int) { columns = Array(repeating: [], count: width) }

    init(_ all: MapColumns, rows: Range<Int>) {
        columns = all.columns.map { Array($0[rows]) }
        count = rows.count
    }

    mutating func rowIsWhole() { count += 1 }

    /// Removes what was taken of a row that could not be completed.
    mutating func cut() {
        for place in columns.indices where columns[place].count > count { columns[place].removeLast() }
    }

    func row(_ row: Int) -> [NeutralValue] { columns.map { $0[row] } }
}

/// The rows of several sequences, in neutral form: one element of each, until the shortest ends.
struct MapRows {
    /// Adds at most so many rows; false if there was an end before. Tasks among the elements are added to the
    /// dependencies. After an error, whole rows are there.
    let draw: (Int, inout MapColumns, NeutralDependencies) throws -> Bool
    /// How many sequences there are.
    let width: Int
    /// How many rows there are at least; 0 if that is not known.
    let known: Int

    /// Holds an iterator, so that a closure can go through several of different types.
    private final class Source<Elements: IteratorProtocol> where Elements.Element: Encodable {
        private var elements: Elements
        private let writing = NeutralWriting<Elements.Element>()

        init(_ elements: Elements) { self.elements = elements }

        func next(_ dependencies: NeutralDependencies) throws(NeutralError) -> NeutralValue? {
            guard let element = elements.next() else { return nil }
            return try writing.write(element, dependencies: dependencies)
        }
    }

    init<each Inputs: Sequence>(_ inputs: repeat each Inputs) where repeat (each Inputs).Element: Encodable {
        var known = Int.max
        for input in repeat each inputs { known = min(known, input.underestimatedCount) }
        self.known = known == .max ? 0 : known
        let sources = (repeat Source((each inputs).makeIterator()))
        var width = 0
        for _ in repeat each sources { width += 1 }
        self.width = width
        var number = 0
        draw = { most, rows, dependencies in
            for _ in 0..<most {
                var place = 0
                for source in repeat each sources {
                    do throws(NeutralError) {
                        guard let value = try source.next(dependencies) else {
                            rows.cut()
                            return false
                        }
                        rows.columns[place].append(value)
                    } catch {
                        rows.cut()
                        let spot = "element \(number) of sequence \(place + 1)"
                        throw IsthmusError.argumentNotEncodable(
                            path: error.path.isEmpty ? spot : "\(spot), \(error.path)",
                            problem: error.problem)
                    }
                    place += 1
                }
                if place == 0 { return false }
                number += 1
                rows.rowIsWhole()
            }
            return true
        }
    }
}
