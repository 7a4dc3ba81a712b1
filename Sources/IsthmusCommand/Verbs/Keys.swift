internal import ArgumentParser
internal import Posix
internal import SessionTransport

/// `isthmus keys`
struct Keys: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the keys that tcp addresses need.",
        discussion: """
            Writes scheduler.key, client.key, worker.key, operator.key and authorized (the keys that the \
            scheduler admits), each readable by you alone. The scheduler takes the folder, every other \
            process its own file. Existing keys are never overwritten.
            """)

    @Option(help: ArgumentHelp("Folder to write to; made with mode 0700 if missing.", valueName: "dir"))
    var directory: String

    func validate() throws { try OptionChecks.text(directory, "--directory", "a folder") }

    func run() throws {
        let folder = ClusterPlaces.absolute(directory)
        do throws(TransportError) {
            try writeNewKeys(folder: folder)
        } catch {
            throw CommandFailure("\(error)")
        }
        try Screen.show(
            """
            Wrote keys to \(folder).
              scheduler  isthmus scheduler --listen tcp://HOST:PORT --keys \(folder)
              worker     isthmus worker --connect tcp://HOST:PORT --keys worker.key
              client     Client("tcp://HOST:PORT", keys="client.key")
            Copy worker.key and client.key to where they are needed, over a safe channel.

            """)
    }
}
