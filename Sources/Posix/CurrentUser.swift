internal import Glibc

/// Whose process this is.
package enum CurrentUser {
    /// The effective user id: owner of what this process creates.
    package static var id: UInt32 { geteuid() }
}

/// The end of this process from within.
package enum ProcessEnd {
    /// From now on, the process is killed after this many whole seconds unless it ends before: the last
    /// resort when something that should stop does not.
    package static func force(afterSeconds seconds: UInt32) { _ = alarm(seconds) }
}
