// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import SafeTensors
import Synchronization

/// What a model's files were when this process first came across them.
///
/// Hashing and loading read the same files at different times, some of them long after the start.
/// Whoever opens a file notes it here, so that all of them have seen the same one.
package final class ModelFileLedger: Sendable {
    /// By path; `nil` for a file that was not there.
    private let known = Mutex<[String: FileIdentity?]>([:])
    private let digests = Mutex<[DigestKey: [UInt8]]>([:])

    /// What a digest is of.
    struct DigestKey: Hashable {
        var path: String
        var behindHeader: Bool
    }

    package init() {}

    /// Notes what a file is.
    ///
    /// - Parameter identity: `nil` for a file that is not there.
    /// - Throws: `ConfigurationProblem.changed` when it was another before.
    package func note(_ path: String, _ identity: FileIdentity?) throws(ConfigurationError) {
        let isSame = known.withLock { known in
            if let before = known[path] { return before == identity }
            known[path] = .some(identity)
            return true
        }
        guard isSame else { throw ConfigurationError(path: path, problem: .changed) }
    }

    /// Notes what a file is now.
    ///
    /// - Throws: `ConfigurationProblem.changed` when it was another before.
    package func note(_ path: String) throws(ConfigurationError) {
        try note(path, FileIdentity(path: path))
    }

    /// A digest that was computed before; `nil` where none was, or the file is another now.
    func knownDigest(_ key: DigestKey) -> [UInt8]? {
        guard let digest = digests.withLock({ $0[key] }),
            (try? note(key.path)) != nil
        else { return nil }
        return digest
    }

    /// Keeps a digest for the next time.
    func remember(_ digest: [UInt8], as key: DigestKey) {
        digests.withLock { $0[key] = digest }
    }

    /// Reads a small file.
    ///
    /// - Throws: `missingFile`, `gitLFSPointer`, `notReadable`, `changed`.
    func read(_ path: String) throws(ConfigurationError) -> Data {
        try note(path)
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: path)) } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw ConfigurationError(
                path: path, problem: exists ? .notReadable(reason: "can't be read") : .missingFile)
        }
        guard !GitLFSPointer.matches(data) else {
            throw ConfigurationError(path: path, problem: .gitLFSPointer)
        }
        try note(path)
        return data
    }
}
