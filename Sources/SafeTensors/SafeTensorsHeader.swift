// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The header of a `.safetensors` file, checked against the file it came from.
///
/// Layout: eight bytes with the length of the header (little-endian), the header as JSON, then the
/// tensors' bytes without gaps. Nothing is allocated and nothing is read on the file's word before
/// its lengths are checked.
package struct SafeTensorsHeader: Sendable {
    /// Longest header that the format allows.
    package static let byteCountMax = 100_000_000

    /// One tensor, as the header describes it.
    package struct Entry: Sendable, Equatable {
        package var scalarType: ScalarType
        package var shape: [Int]
        /// Where its bytes are, from the start of the file.
        package var byteRange: Range<Int>
    }

    /// Tensors by name.
    package let entries: [String: Entry]
    /// Free text by key, such as `format: pt`.
    package let metadata: [String: String]

    /// Reads and checks a header.
    ///
    /// - Parameters:
    ///   - fileByteCount: length of the whole file.
    ///   - file: its name for errors.
    ///   - byteCountMax: longest header to read, where a file of its kind has a shorter one than the
    ///     format allows.
    ///   - read: the bytes of a range within the file.
    package init(
        fileByteCount: Int, file: String, byteCountMax: Int = Self.byteCountMax,
        read: (Range<Int>) throws(SafeTensorsError) -> [UInt8]
    ) throws(SafeTensorsError) {
        guard fileByteCount >= 8 else { throw .tooShort(file: file, byteCount: fileByteCount) }
        let claimed = try read(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard claimed <= UInt64(fileByteCount - 8) else {
            throw claimed > UInt64(Self.byteCountMax)
                ? .headerTooLong(file: file, byteCount: claimed, maximum: byteCountMax)
                : .headerExceedsFile(
                    file: file, headerByteCount: claimed, fileByteCount: fileByteCount)
        }
        guard claimed <= UInt64(byteCountMax) else {
            throw .headerTooLong(file: file, byteCount: claimed, maximum: byteCountMax)
        }
        let dataStart = 8 + Int(claimed)
        let json = Data(try read(8..<dataStart))
        let raw: RawHeader
        do {
            raw = try JSONDecoder().decode(RawHeader.self, from: json)
        } catch {
            throw .invalidHeader(file: file, reason: Self.reason(error))
        }
        metadata = raw.metadata
        var entries: [String: Entry] = [:]
        entries.reserveCapacity(raw.tensors.count)
        for (name, tensor) in raw.tensors {
            entries[name] = try Self.entry(tensor, name: name, dataStart: dataStart, file: file)
        }
        self.entries = entries
        try Self.checkCoverage(
            entries, dataStart: dataStart, fileByteCount: fileByteCount, file: file)
    }

    private static func entry(
        _ raw: RawTensor, name: String, dataStart: Int, file: String
    ) throws(SafeTensorsError) -> Entry {
        func invalid(_ reason: String) -> SafeTensorsError {
            .invalidTensor(file: file, tensor: name, reason: reason)
        }
        guard let type = ScalarType(rawValue: raw.dtype) else {
            throw invalid("unknown type '\(raw.dtype)'")
        }
        var byteCount = type.byteCount
        for length in raw.shape {
            guard length >= 0 else { throw invalid("shape \(raw.shape)") }
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: length)
            guard !overflow else { throw invalid("shape \(raw.shape) overflows") }
            byteCount = product
        }
        guard raw.offsets.count == 2, raw.offsets[0] >= 0, raw.offsets[1] >= raw.offsets[0],
            raw.offsets[1] <= Int.max - dataStart
        else { throw invalid("offsets \(raw.offsets)") }
        let stored = raw.offsets[1] - raw.offsets[0]
        guard stored == byteCount else {
            throw invalid("shape \(raw.shape) of \(raw.dtype) is \(byteCount) bytes, not \(stored)")
        }
        return Entry(
            scalarType: type, shape: raw.shape,
            byteRange: dataStart + raw.offsets[0]..<dataStart + raw.offsets[1])
    }

    /// Tensors must follow each other without gaps or overlaps and end where the file ends.
    private static func checkCoverage(
        _ entries: [String: Entry], dataStart: Int, fileByteCount: Int, file: String
    ) throws(SafeTensorsError) {
        let ordered = entries.sorted {
            ($0.value.byteRange.lowerBound, $0.value.byteRange.upperBound, $0.key)
                < ($1.value.byteRange.lowerBound, $1.value.byteRange.upperBound, $1.key)
        }
        var end = dataStart
        for (name, entry) in ordered {
            guard entry.byteRange.lowerBound == end else {
                let relation = entry.byteRange.lowerBound < end ? "overlaps" : "leaves a gap after"
                throw .invalidTensor(
                    file: file, tensor: name, reason: "its data \(relation) the previous tensor")
            }
            end = entry.byteRange.upperBound
        }
        guard end <= fileByteCount else {
            throw .truncated(file: file, expectedByteCount: end, fileByteCount: fileByteCount)
        }
        guard end == fileByteCount else {
            throw .trailingBytes(file: file, byteCount: fileByteCount - end)
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "not JSON" }
        switch error {
        case .dataCorrupted: return "not JSON"
        case .keyNotFound(let key, let context):
            return "'\(key.stringValue)' is missing in \(path(context))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "\(path(context)) has the wrong type"
        @unknown default: return "not a header"
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        let path = context.codingPath.map(\.stringValue).joined(separator: "/")
        return path.isEmpty ? "the top level" : "'\(path)'"
    }
}

/// The header as JSON has it.
private struct RawHeader: Decodable {
    var metadata: [String: String] = [:]
    var tensors: [String: RawTensor] = [:]

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        for key in container.allKeys {
            if key.stringValue == "__metadata__" {
                // The reference reads `null` as no metadata.
                metadata =
                    try container.decodeIfPresent([String: String].self, forKey: key) ?? [:]
            } else {
                tensors[key.stringValue] = try container.decode(RawTensor.self, forKey: key)
            }
        }
    }
}

/// One entry as JSON has it.
private struct RawTensor: Decodable {
    var dtype: String
    var shape: [Int]
    var offsets: [Int]

    private enum CodingKeys: String, CodingKey {
        case dtype, shape
        case offsets = "data_offsets"
    }
}
