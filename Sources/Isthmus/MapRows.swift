import TaskModel
import Wire

/// The rows of several sequences, in neutral form: one element of each, until the shortest ends.
struct MapRows {
    /// Nil at the end. Tasks among the elements are added to the dependencies.
    let next: (NeutralDependencies) throws -> [NeutralValue]?
    /// How many rows there are at least; 0 if that is not known.
    let known: Int

    /// Holds an iterator, so that a closure can go through several of different types.
    private final class Source<Elements: IteratorProtocol> {
        private var elements: Elements

        init(_ elements: Elements) { self.elements = elements }

        func next() -> Elements.Element? { elements.next() }
    }

    init<each Inputs: Sequence>(_ inputs: repeat each Inputs) where repeat (each Inputs).Element: Encodable {
        var known = Int.max
        for input in repeat each inputs { known = min(known, input.underestimatedCount) }
        self.known = known == .max ? 0 : known
        let sources = (repeat Source((each inputs).makeIterator()))
        var number = 0
        next = { dependencies in
            var row: [NeutralValue] = []
            for source in repeat each sources {
                guard let element = source.next() else { return nil }
                do throws(NeutralError) {
                    row.append(try NeutralValue(encoding: element, dependencies: dependencies))
                } catch {
                    let place = "element \(number) of sequence \(row.count + 1)"
                    throw IsthmusError.argumentNotEncodable(
                        path: error.path.isEmpty ? place : "\(place), \(error.path)", problem: error.problem)
                }
            }
            number += 1
            return row.isEmpty ? nil : row
        }
    }
}
