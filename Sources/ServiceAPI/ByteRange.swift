// SPDX-License-Identifier: Apache-2.0

/// A part of a file that a client asks for: `Range: bytes=…` (RFC 9110, section 14).
package enum ByteRange: Sendable, Equatable {
    /// All of it: no range, or one that may be ignored.
    case whole
    /// These bytes.
    case part(Range<Int>)
    /// There are no such bytes.
    case unsatisfiable

    /// Reads a field; several ranges and other units mean the whole.
    package init(_ field: String?, byteCount: Int) {
        self = .whole
        guard let field, field.hasPrefix("bytes="), !field.contains(",") else { return }
        let ends = field.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return }
        if ends[0].isEmpty {
            guard let count = Self.number(ends[1]) else { return }
            self =
                count == 0 || byteCount == 0
                ? .unsatisfiable : .part(max(0, byteCount - count)..<byteCount)
            return
        }
        guard let first = Self.number(ends[0]) else { return }
        let last = ends[1].isEmpty ? Int.max - 1 : Self.number(ends[1])
        guard let last, last >= first else { return }
        self = first < byteCount ? .part(first..<min(last + 1, byteCount)) : .unsatisfiable
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(text).map { min($0, Int.max - 1) }
    }
}
