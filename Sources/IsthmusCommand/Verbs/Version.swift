internal import ArgumentParser
internal import TaskModel

/// `isthmus version`
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        if json { return try JSONOutput.show(VersionReport(version: ProductVersion.text)) }
        try Screen.show("isthmus \(ProductVersion.text)\n")
    }
}

/// The version as `--json` shows it.
struct VersionReport: Encodable {
    let version: String
}
