// With Swift 6.3.1 this prints 1: what `node!.held` held is never released when it is overwritten through the
// optional, inside a struct that cannot be copied. `?.` and a whole array instead of nil leak alike;
// `node!.held.take()`, and a field that is no optional's, do not.
final class Counted {
    static nonisolated(unsafe) var alive = 0
    init() { Counted.alive += 1 }
    deinit { Counted.alive -= 1 }
}
struct Node { var held: Counted? }
struct List: ~Copyable {
    var node: Node? = Node(held: Counted())
    mutating func clear() { node!.held = nil }
}
var list = List()
list.clear()
print(Counted.alive)
