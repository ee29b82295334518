// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A directory that is removed with the value.
package final class TemporaryDirectory: Sendable {
    /// Its path.
    package let path: String

    package init() throws {
        let url = FileManager.default.temporaryDirectory.appending(
            path: "retom-tests-\(UUID().uuidString)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A path in it.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and returns its path; creates folders as needed.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws -> String {
        let url = URL(filePath: file(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return url.path
    }

    /// Writes a text file and returns its path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        try write(Array(text.utf8), to: name)
    }

    /// The text of a file; `nil` if there is no such file.
    package func text(of name: String) -> String? {
        FileManager.default.contents(atPath: file(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Copies a directory into it and returns the copy's path.
    package func copy(_ source: String, as name: String) throws -> String {
        try FileManager.default.copyItem(atPath: source, toPath: file(name))
        return file(name)
    }

    /// Names in it, sorted.
    package var contents: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}
