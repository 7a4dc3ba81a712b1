internal import Glibc

/// Removes a file; one that is not there is no matter.
package func removeFile(_ path: String) { _ = unsafe unlink(path) }

/// Removes a folder if it is empty.
package func removeEmptyFolder(_ path: String) { _ = unsafe rmdir(path) }
