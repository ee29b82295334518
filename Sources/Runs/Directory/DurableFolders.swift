// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Folders of one directory, whose names are on the disk before anything in them is relied on.
///
/// Several threads may need the same folder at once: each returns only when its name is durable,
/// whichever thread made it.
final class DurableFolders: Sendable {
    /// Names that are remembered, at most: forgetting one costs a synchronisation.
    private static let countMax = 4096

    private let path: String
    private let durable = Mutex<Set<String>>([])

    /// - Parameter path: the directory, which must exist.
    init(in path: String) { self.path = path }

    /// Makes a folder if it is not there.
    func make(_ name: String) throws(RunError) {
        let folder = "\(path)/\(name)"
        if access(folder, F_OK) == 0, durable.withLock({ $0.contains(name) }) { return }
        // Pictures are their owner's.
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw RunError(errno: errno, path: folder)
        }
        try DurableWrite.synchronize(directory: path)
        durable.withLock { names in
            if names.count >= Self.countMax { names = [] }
            names.insert(name)
        }
    }
}
