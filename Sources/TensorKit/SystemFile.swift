// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Short text files in which the system tells about itself.
enum SystemFile {
    /// The first line without its end; `nil` when there is no such file.
    static func firstLine(_ path: String) -> String? { lines(path, countMax: 1).first }

    /// The lines without their ends; none when there is no such file.
    static func lines(_ path: String, countMax: Int = 256) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var lines: [String] = []
        var line = [CChar](repeating: 0, count: 256)
        while lines.count < countMax, fgets(&line, Int32(line.count), file) != nil {
            let bytes = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
            lines.append(String(decoding: bytes, as: UTF8.self))
        }
        return lines
    }
}
