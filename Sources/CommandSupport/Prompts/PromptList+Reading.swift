// SPDX-License-Identifier: Apache-2.0

import ProcessSupport
package import Requests

extension PromptList {
    /// Reads a prompt file.
    ///
    /// - Parameter path: A file or pipe, or `-` for standard input.
    /// - Throws: `unreadable`, `tooLarge`, or what `parse` throws.
    package static func read(path: String) throws(PromptListError) -> PromptFile {
        let source = path == "-" ? "standard input" : path
        let bytes: [UInt8]
        do throws(InputFileError) {
            bytes = try InputFile.read(path, byteCountMax: byteCountMax)
        } catch {
            switch error {
            case .unreadable(let reason): throw .unreadable(source: source, reason: reason)
            case .tooLarge: throw .tooLarge(source: source)
            }
        }
        return try parse(bytes, source: source)
    }
}
