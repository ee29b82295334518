// SPDX-License-Identifier: Apache-2.0

/// One tensor of a mapped file; holding it keeps the file mapped.
package struct StoredTensor: Sendable {
    /// Its name in the file.
    package let name: String
    /// How its values are written.
    package let scalarType: ScalarType
    /// Outermost length first, as torch prints it.
    package let shape: [Int]
    private let file: MappedFile
    private let byteRange: Range<Int>

    init(name: String, entry: SafeTensorsHeader.Entry, file: MappedFile) {
        self.name = name
        self.file = file
        scalarType = entry.scalarType
        shape = entry.shape
        byteRange = entry.byteRange
    }

    /// Values in all.
    package var elementCount: Int { byteRange.count / scalarType.byteCount }
    /// The file it is in.
    package var path: String { file.path }

    /// Its bytes as they are in the file, little-endian and perhaps unaligned.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try file.withBytes { bytes throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: bytes[byteRange]))
        }
    }

    /// Converts all values to f32.
    ///
    /// - Parameter target: exactly `elementCount` values.
    package func read(
        into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        try read(from: 0, into: target)
    }

    /// Converts `target.count` values to f32, the first at `index`: a row of a table, say.
    package func read(
        from index: Int, into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        precondition(
            index >= 0 && index + target.count <= elementCount,
            "values \(index)..<\(index + target.count) of \(elementCount)")
        guard scalarType.isReadableAsFloat else {
            throw .unsupportedType(file: path, tensor: name, type: scalarType.rawValue)
        }
        guard !target.isEmpty else { return }
        let start = byteRange.lowerBound + index * scalarType.byteCount
        let range = start..<start + target.count * scalarType.byteCount
        file.withBytes { bytes in
            FloatConversion.convert(
                UnsafeRawBufferPointer(rebasing: bytes[range]), scalarType, into: target)
        }
    }

    /// All values as f32.
    package func floats() throws(SafeTensorsError) -> [Float] {
        guard scalarType.isReadableAsFloat else {
            throw .unsupportedType(file: path, tensor: name, type: scalarType.rawValue)
        }
        return [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
            let values = UnsafeMutableBufferPointer(rebasing: buffer[..<elementCount])
            if elementCount > 0 {
                withBytes { FloatConversion.convert($0, scalarType, into: values) }
            }
            count = elementCount
        }
    }

    /// Asks the system to read the data ahead.
    package func willRead() { file.willRead(byteRange) }

    /// Gives the memory of the data back; reading it again brings it in again.
    package func discard() { file.discard(byteRange) }
}
