// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Glibc

/// A generator whose normal numbers equal those of torch's CPU generator for the same seed.
///
/// Requests for 16 or more values use the single-precision block transform, shorter ones the
/// double-precision scalar one, whose second normal number is kept for the next short request (ATen
/// `normal_kernel`, `normal_distribution`). A value: copies generate the same numbers.
package struct TorchGenerator: RandomSource, Sendable, Hashable {
    private var engine: MersenneTwister
    private var pendingNormal: Double?

    /// Seeds the generator as `torch.Generator().manual_seed(seed)`, which keeps the low 32 bits.
    ///
    /// Python's negative seeds are their two's complement: -1 is `UInt64.max`.
    package init(seed: UInt64) {
        engine = MersenneTwister(seed: seed)
    }

    /// Overwrites every value with standard normal noise, as `torch.randn(buffer.count)`.
    package mutating func fillNormal(_ buffer: UnsafeMutableBufferPointer<Float>) {
        guard let base = buffer.baseAddress else { return }
        guard buffer.count >= 16 else {
            for index in buffer.indices { buffer[index] = Float(nextNormal()) }
            return
        }
        for index in buffer.indices { buffer[index] = nextUniform() }
        for start in stride(from: 0, through: buffer.count - 16, by: 16) {
            BoxMuller.transform16(base + start)
        }
        // Not a multiple of 16: torch generates the last 16 values anew.
        if buffer.count % 16 != 0 {
            let tail = buffer.count - 16
            for index in tail..<buffer.count { buffer[index] = nextUniform() }
            BoxMuller.transform16(base + tail)
        }
    }

    /// An array of standard normal noise, `torch.randn(count)`.
    package mutating func normal(count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            buffer.initialize(repeating: 0)
            fillNormal(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
            initialized = count
        }
    }

    /// A uniform number of [0, 1) with 24 random bits, `torch.rand(1)`.
    package mutating func nextUniform() -> Float {
        Float(engine.next() & 0xff_ffff) * 0x1p-24
    }

    private mutating func nextNormal() -> Double {
        if let pending = pendingNormal {
            pendingNormal = nil
            return pending
        }
        let first = nextUniformDouble()
        let second = nextUniformDouble()
        let radius = (-2 * log1p(-second)).squareRoot()
        let angle = 2 * Double.pi * first
        pendingNormal = radius * sin(angle)
        return radius * cos(angle)
    }

    private mutating func nextUniformDouble() -> Double {
        Double(engine.next64() & 0x1f_ffff_ffff_ffff) * 0x1p-53
    }
}

// The generator's complete state, so that a stream can be resumed elsewhere.
extension TorchGenerator {
    /// Appends the generator's state.
    package func save(to writer: inout WordWriter) {
        writer.write(engine.words)
        writer.write(engine.position)
        writer.write(pendingNormal == nil ? 0 : 1)
        writer.write(pendingNormal?.bitPattern ?? 0)
    }

    /// Resumes a saved generator.
    package init(from reader: inout WordReader) throws(SavedStateError) {
        let words = Array(try reader.read(MersenneTwister.wordCount))
        let position = try reader.read(in: 0...MersenneTwister.wordCount)
        guard let engine = MersenneTwister(words: words, position: position) else {
            throw .damaged
        }
        self.engine = engine
        let isPending = try reader.read(in: 0...1) == 1
        let pending = Double(bitPattern: try reader.readWide())
        pendingNormal = isPending ? pending : nil
    }
}
