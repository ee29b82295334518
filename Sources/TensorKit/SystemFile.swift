// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Short text files through which the system describes itself.
enum SystemFile {
    /// The first line without its end; `nil` if there is no such file.
    static func firstLine(_ path: String) -> String? { lines(path, countMax: 1).first }

    /// The lines without their ends; none if there is no such file.
    static func lines(_ path: String, countMax: Int = 4096) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var lines: [String] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while lines.count < countMax {
            let length = getline(&line, &capacity, file)
            guard length > 0, let line else { break }
            let bytes = UnsafeRawBufferPointer(start: line, count: length).prefix { $0 != 10 }
            lines.append(String(decoding: bytes, as: UTF8.self))
        }
        return lines
    }
}
