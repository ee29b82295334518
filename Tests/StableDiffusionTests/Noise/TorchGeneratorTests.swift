// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import StableDiffusion
import Testing

@Suite struct TorchGeneratorTests {
    struct Golden: Decodable {
        struct Case: Decodable {
            var seed: String
            var draws: [Draw]
        }
        struct Draw: Decodable {
            var count: Int
            var first: [UInt32]
            var last: [UInt32]
            var fnv1a: String
        }
        var cases: [Case]
    }

    @Test func drawsHaveTorchsBits() throws {
        let golden = try Goldens.decode(Golden.self, from: "noise.json")
        #expect(golden.cases.count > 100)
        for item in golden.cases {
            let seed = try #require(UInt64(item.seed))
            var generator = TorchGenerator(seed: seed)
            for draw in item.draws {
                let bits = generator.normal(count: draw.count).map(\.bitPattern)
                #expect(bits.prefix(4).elementsEqual(draw.first), "seed \(seed), \(draw.count)")
                #expect(bits.suffix(4).elementsEqual(draw.last), "seed \(seed), \(draw.count)")
                #expect(fnv1a(bits) == draw.fnv1a, "seed \(seed), \(draw.count) values")
            }
        }
    }

    @Test func onlyTheLow32BitsOfASeedCount() {
        var low = TorchGenerator(seed: 7)
        var high = TorchGenerator(seed: 7 + (1 << 40))
        #expect(low.normal(count: 64) == high.normal(count: 64))
    }

    @Test(arguments: [1, 3, 16, 700])
    func aSavedStateResumes(drawn: Int) throws {
        var generator = TorchGenerator(seed: 11)
        _ = generator.normal(count: drawn)
        var writer = WordWriter()
        generator.save(to: &writer)
        var reader = try WordReader(writer.finish())
        var restored = try TorchGenerator(from: &reader)
        try reader.finish()
        #expect(restored == generator)
        #expect(restored.normal(count: 5) == generator.normal(count: 5))
        #expect(restored.normal(count: 1000) == generator.normal(count: 1000))
    }

    @Test func aBrokenStateIsRefused() throws {
        for (position, isPending) in [(625, 0), (0, 2)] {
            var writer = WordWriter()
            writer.write(Array(repeating: UInt32(1), count: 624))
            writer.write(position)
            writer.write(isPending)
            writer.write(UInt64(0))
            var reader = try WordReader(writer.finish())
            #expect(throws: SavedStateError.damaged) { try TorchGenerator(from: &reader) }
        }
        var short = try WordReader(WordWriter().finish())
        #expect(throws: SavedStateError.damaged) { try TorchGenerator(from: &short) }
    }

    @Test func anImageDependsOnItsOwnSeedOnly() {
        var third = ImageNoise(seed: 40, index: 2)
        var alone = ImageNoise(seed: 42)
        let latents = third.initialLatents(channels: 4, height: 8, width: 8, scale: 1)
        #expect(latents == alone.initialLatents(channels: 4, height: 8, width: 8, scale: 1))
        var torch = TorchGenerator(seed: 42)
        #expect(latents == torch.normal(count: 256))
        // The stream continues after the latents, and merging has another one.
        #expect(third.sampling == torch)
        #expect(third.merging.normal(count: 256) != latents)
    }

    @Test func seedsWrapAround() {
        var wrapped = ImageNoise(seed: .max, index: 1)
        var zero = ImageNoise(seed: 0)
        #expect(
            wrapped.initialLatents(channels: 4, height: 2, width: 2, scale: 2)
                == zero.initialLatents(channels: 4, height: 2, width: 2, scale: 2))
    }

    private func fnv1a(_ bits: [UInt32]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for word in bits {
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                hash = (hash ^ UInt64((word >> shift) & 0xff)) &* 0x100_0000_01b3
            }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
