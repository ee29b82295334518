// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A scheduler's state between steps: how many were done, and some earlier samples.
///
/// All memory is allocated at the start.
package struct SchedulerHistory: Sendable, Hashable {
    /// Steps done; the index of the next one.
    package private(set) var stepIndex = 0
    /// The diffusers class it belongs to.
    package let className: String
    /// Values in a sample.
    package let sampleCount: Int
    /// The contents of the buffers, newest first if they are a series.
    package let names: [String]

    /// The buffer that each name currently refers to.
    private var order: [Int]
    private var storage: [Float]

    init(_ method: SamplingMethod, names: [String] = [], sampleCount: Int) {
        precondition(sampleCount > 0, "a sample has values")
        className = method.traits.className
        self.names = names
        self.sampleCount = sampleCount
        order = Array(names.indices)
        storage = Array(repeating: 0, count: names.count * sampleCount)
    }

    /// A buffer's values by its name; `nil` for an unknown name.
    package subscript(name: String) -> ArraySlice<Float>? {
        names.firstIndex(of: name).map {
            storage[order[$0] * sampleCount..<(order[$0] + 1) * sampleCount]
        }
    }

    /// Makes room for a new first entry of a series by reusing the last of the first `count` names.
    mutating func rotate(first count: Int) {
        guard count > 1 else { return }
        let oldest = order[count - 1]
        for index in (1..<count).reversed() { order[index] = order[index - 1] }
        order[0] = oldest
    }

    mutating func completeStep() { stepIndex += 1 }

    /// Lends the buffers, in the order of `names`.
    mutating func withBuffers<Result>(_ body: (Buffers) -> Result) -> Result {
        let (order, count) = (order, sampleCount)
        return storage.withUnsafeMutableBufferPointer { storage in
            guard let base = storage.baseAddress else {
                preconditionFailure("a history without buffers lends none")
            }
            return body(Buffers(base: base, order: order, sampleCount: count))
        }
    }

    /// Pointers to the buffers.
    struct Buffers {
        fileprivate let base: UnsafeMutablePointer<Float>
        fileprivate let order: [Int]
        fileprivate let sampleCount: Int

        subscript(index: Int) -> UnsafeMutablePointer<Float> { base + order[index] * sampleCount }
    }

    /// Appends the state, newest first if it is a series.
    package func save(to writer: inout WordWriter) {
        writer.write(classDigest)
        writer.write(sampleCount)
        writer.write(stepIndex)
        for buffer in order {
            writer.write(storage[buffer * sampleCount..<(buffer + 1) * sampleCount])
        }
    }

    /// Restores the state saved by a history of the same scheduler.
    package mutating func restore(
        from reader: inout WordReader, stepCount: Int
    ) throws(SavedStateError) {
        guard try reader.readWide() == classDigest else { throw .foreign("sampler") }
        guard try reader.read() == UInt32(clamping: sampleCount) else { throw .foreign("size") }
        stepIndex = try reader.read(in: 0...stepCount)
        order = Array(names.indices)
        storage = try reader.readFloats(names.count * sampleCount)
    }

    private var classDigest: UInt64 { WordDigest.of(className.utf8.lazy.map { UInt32($0) }) }
}
