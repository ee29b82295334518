// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Certificates as `cluster/make-certificates` makes them.
package struct Certificates: Sendable {
    /// The script failed.
    package struct ScriptFailed: Error { var status: Int32 }

    private let directory: TemporaryDirectory
    private let folder: String

    /// Makes an authority and certificates for these workers; runs openssl.
    ///
    /// - Parameter arguments: hosts, preceded by options if any.
    package init(
        in directory: TemporaryDirectory, folder: String = "certificates", _ arguments: String...
    ) throws {
        self.directory = directory
        self.folder = folder
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../cluster/make-certificates").standardized
        let process = Process()
        process.executableURL = script
        process.arguments = ["-o", directory.file(folder)] + arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ScriptFailed(status: process.terminationStatus)
        }
    }

    /// Path of a file such as `ca.pem`.
    package func file(_ name: String) -> String { directory.file("\(folder)/\(name)") }

    /// The TLS options of a program, by its certificate's name.
    package func options(for name: String) -> [String] {
        [
            "--tls-cert", file("\(name).pem"), "--tls-key", file("\(name).key"), "--tls-ca",
            file("ca.pem"),
        ]
    }
}
