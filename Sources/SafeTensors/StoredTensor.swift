// SPDX-License-Identifier: Apache-2.0

/// One tensor of a file; holding it keeps the file open.
package struct StoredTensor: WeightSource {
    /// Its name in the file.
    package let name: String
    /// How its values are written.
    package let scalarType: ScalarType
    /// Outermost length first, as torch prints it.
    package let shape: [Int]
    private let file: SteadyFile
    private let byteRange: Range<Int>

    init(name: String, entry: SafeTensorsHeader.Entry, file: SteadyFile) {
        self.name = name
        self.file = file
        scalarType = entry.scalarType
        shape = entry.shape
        byteRange = entry.byteRange
    }

    /// The file it is in.
    package var path: String { file.path }

    /// Its bytes as they are in the file, little-endian.
    ///
    /// - Throws: `changed` when the file is no longer what it was when it was opened.
    package func bytes() throws(SafeTensorsError) -> [UInt8] { try file.bytes(byteRange) }

    /// - Throws: `changed`; `unsupportedType` for values that are no numbers.
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
        file.willRead(start..<start + target.count * scalarType.byteCount)
        try file.read(scalarType, from: start, into: target)
    }
}
