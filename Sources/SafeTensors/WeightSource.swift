// SPDX-License-Identifier: Apache-2.0

/// The values of one weight: a tensor of a file, or what is made of one while it is read.
package protocol WeightSource: Sendable {
    /// The tensor's name in its file.
    var name: String { get }
    /// How its values are stored.
    var scalarType: ScalarType { get }
    /// Outermost length first, as torch prints it.
    var shape: [Int] { get }

    /// Converts `target.count` values to f32, the first at `index`: a row of a table, say.
    ///
    /// - Throws: `changed` when the file is no longer what it was when it was opened.
    func read(
        from index: Int, into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError)
}

extension WeightSource {
    /// Values in all.
    package var elementCount: Int { shape.reduce(1, *) }

    /// Converts all values to f32.
    ///
    /// - Parameter target: exactly `elementCount` values.
    /// - Throws: `changed` when the file is no longer what it was when it was opened.
    package func read(
        into target: UnsafeMutableBufferPointer<Float>
    ) throws(SafeTensorsError) {
        try read(from: 0, into: target)
    }

    /// All values as f32.
    package func floats() throws(SafeTensorsError) -> [Float] {
        var values = [Float](repeating: 0, count: elementCount)
        try values.withUnsafeMutableBufferPointer { buffer throws(SafeTensorsError) in
            try read(into: buffer)
        }
        return values
    }
}
