// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// diffusers' `DecoderTiny`: a chain of levels from clamped latents to a picture.
///
/// Of the finest level no map is ever kept, since no layer needs a whole one; of more levels none
/// where the plan says so.
final class DecoderTiny: Sendable {
    /// The layers of one size of feature maps.
    private struct Level: Sendable {
        /// Its place among the layers of the checkpoint, for observers.
        let name: String
        /// The convolution that begins it, at twice the size of the level before.
        let convolution: any PackedConvolution
        let blocks: [AutoencoderTinyBlock]
    }

    private let levels: [Level]
    private let output: any PackedConvolution
    private let activationType: ElementType

    init(_ configuration: AutoencoderTinyConfiguration, loader: WeightLoader) throws {
        activationType = loader.activationType
        let channels = configuration.channels
        // Layers are numbered through, those without weights too: ReLU and upsampling.
        var index = 0
        var levels: [Level] = []
        for (level, blockCount) in configuration.decoderBlockCounts.enumerated() {
            let convolution = try loader.scoped("layers").convolution(
                "\(index)",
                .padded(level == 0 ? configuration.latentChannels : channels, channels),
                hasBias: level == 0)
            index += level == 0 ? 2 : 1
            let blocks = try (0..<blockCount).map { block in
                try AutoencoderTinyBlock(
                    channels: channels, loader: loader.scoped("layers", index + block))
            }
            index += blockCount
            levels.append(
                Level(name: "layers.\(index - 1)", convolution: convolution, blocks: blocks))
            if level + 1 < configuration.decoderBlockCounts.count { index += 1 }
        }
        self.levels = levels
        output = try loader.scoped("layers").convolution(
            "\(index)", .padded(channels, configuration.outputChannels))
    }

    /// How many ways there are to keep maps: of all levels but the finest, of fewer, of none.
    var levelCount: Int { levels.count }

    /// Decodes one picture.
    ///
    /// - Parameters:
    ///   - latents: clamped, in the activation type.
    ///   - image: the picture, f32.
    func forward(
        _ latents: PaddedMap, into image: Tensor, pass: DecoderPass, observer: ActivationObserver?
    ) {
        let keptCount = max(0, levels.count - 1 - pass.plan.recomputedLevelCount)
        var lines: any PaddedLines = latents.lines
        for (index, level) in levels.enumerated() {
            lines = result(of: level, isFirst: index == 0, for: lines)
            guard index < keptCount else { continue }
            let kept = PaddedMap(lines.shape, activationType, pass: pass)
            pass.forEachBand(of: lines.shape) { range in
                lines.make(range, into: kept.map.lines(range), pass: pass)
            }
            observer?(level.name, kept.map)
            lines = kept.lines
        }
        let picture = ConvolvedLines(input: lines, convolution: output, elementType: .float32)
        pass.forEachBand(of: lines.shape) { range in
            let band = image.lines(range)
            picture.make(range, into: band, pass: pass)
            stretch(band, lane: pass.lane)
        }
    }

    private func result(
        of level: Level, isFirst: Bool, for input: any PaddedLines
    ) -> any PaddedLines {
        let begun = ConvolvedLines(
            input: isFirst ? input : DoubledLines(input: input), convolution: level.convolution,
            elementType: activationType, activation: isFirst ? .relu : nil)
        return level.blocks.reduce(begun) { $1($0) }
    }

    /// From 0…1, as the network was trained, to −1…1.
    private func stretch(_ band: Tensor, lane: ComputeLane) {
        guard !lane.isMeasuring else { return }
        let values = UnsafeMutableBufferPointer(
            start: band.floats, count: band.shape.elementCount)
        for index in values.indices { values[index] = values[index] * 2 - 1 }
    }
}
