// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TestSupport

/// The weights that scripts/goldens/standard_metrics.py draws too: too large for a repository, but
/// functions of their names.
enum RandomWeights {
    /// Uniform values within ±limit, from SplitMix64 seeded with FNV-1a of the name.
    private static func values(_ name: String, _ count: Int, _ limit: Float) -> [Float] {
        var seed: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01b3 }
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in
            (Float(random.next() >> 40) * 0x1p-23 - 1) * limit
        }
    }

    private static func add(
        _ name: String, outputs: Int, inputs: Int, to writer: inout SafeTensorsWriter
    ) {
        let limit = Float((6 / Double(inputs)).squareRoot())
        writer.add(
            "\(name).weight", shape: [outputs, inputs],
            values: values("\(name).weight", outputs * inputs, limit))
        writer.add("\(name).bias", shape: [outputs], values: values("\(name).bias", outputs, 0.1))
    }

    /// Outputs, inputs of a patch.
    private typealias Layers = [(name: String, outputs: Int, inputs: Int)]

    static var inception: SafeTensorsWriter {
        var writer = SafeTensorsWriter()
        var layers: Layers = [
            ("Conv2d_1a_3x3", 32, 27), ("Conv2d_2a_3x3", 32, 288), ("Conv2d_2b_3x3", 64, 288),
            ("Conv2d_3b_1x1", 80, 64), ("Conv2d_4a_3x3", 192, 720),
        ]
        for (name, inputs, pooled) in [("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)] {
            layers += blockA("Mixed_\(name)", inputs, pooled)
        }
        layers += [
            ("Mixed_6a.branch3x3", 384, 2592), ("Mixed_6a.branch3x3dbl_1", 64, 288),
            ("Mixed_6a.branch3x3dbl_2", 96, 576), ("Mixed_6a.branch3x3dbl_3", 96, 864),
        ]
        for (name, middle) in [("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)] {
            layers += blockC("Mixed_\(name)", middle)
        }
        layers += [
            ("Mixed_7a.branch3x3_1", 192, 768), ("Mixed_7a.branch3x3_2", 320, 1728),
            ("Mixed_7a.branch7x7x3_1", 192, 768), ("Mixed_7a.branch7x7x3_2", 192, 1344),
            ("Mixed_7a.branch7x7x3_3", 192, 1344), ("Mixed_7a.branch7x7x3_4", 192, 1728),
        ]
        for (name, inputs) in [("7b", 1280), ("7c", 2048)] {
            layers += blockE("Mixed_\(name)", inputs)
        }
        for layer in layers {
            add(layer.name, outputs: layer.outputs, inputs: layer.inputs, to: &writer)
        }
        return writer
    }

    private static func blockA(_ block: String, _ inputs: Int, _ pooled: Int) -> Layers {
        [
            ("\(block).branch1x1", 64, inputs), ("\(block).branch5x5_1", 48, inputs),
            ("\(block).branch5x5_2", 64, 1200), ("\(block).branch3x3dbl_1", 64, inputs),
            ("\(block).branch3x3dbl_2", 96, 576), ("\(block).branch3x3dbl_3", 96, 864),
            ("\(block).branch_pool", pooled, inputs),
        ]
    }

    private static func blockC(_ block: String, _ middle: Int) -> Layers {
        [
            ("\(block).branch1x1", 192, 768), ("\(block).branch7x7_1", middle, 768),
            ("\(block).branch7x7_2", middle, 7 * middle), ("\(block).branch7x7_3", 192, 7 * middle),
            ("\(block).branch7x7dbl_1", middle, 768),
            ("\(block).branch7x7dbl_2", middle, 7 * middle),
            ("\(block).branch7x7dbl_3", middle, 7 * middle),
            ("\(block).branch7x7dbl_4", middle, 7 * middle),
            ("\(block).branch7x7dbl_5", 192, 7 * middle), ("\(block).branch_pool", 192, 768),
        ]
    }

    private static func blockE(_ block: String, _ inputs: Int) -> Layers {
        [
            ("\(block).branch1x1", 320, inputs), ("\(block).branch3x3_1", 384, inputs),
            ("\(block).branch3x3_2a", 384, 1152), ("\(block).branch3x3_2b", 384, 1152),
            ("\(block).branch3x3dbl_1", 448, inputs), ("\(block).branch3x3dbl_2", 384, 4032),
            ("\(block).branch3x3dbl_3a", 384, 1152), ("\(block).branch3x3dbl_3b", 384, 1152),
            ("\(block).branch_pool", 192, inputs),
        ]
    }

    static func perceptual(_ net: String) -> SafeTensorsWriter {
        var writer = SafeTensorsWriter(metadata: ["net": net])
        let layers: [(outputs: Int, size: Int)] =
            net == "alex"
            ? [(64, 121), (192, 25), (384, 9), (256, 9), (256, 9)]
            : [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512].map { ($0, 9) }
        var inputs = 3
        for (index, layer) in layers.enumerated() {
            add(
                "conv\(index)", outputs: layer.outputs, inputs: layer.size * inputs, to: &writer)
            inputs = layer.outputs
        }
        let widths = net == "alex" ? [64, 192, 384, 256, 256] : [64, 128, 256, 512, 512]
        for (index, width) in widths.enumerated() {
            writer.add(
                "lin\(index)", shape: [width],
                values: values("lin\(index)", width, 1).map(\.magnitude))
        }
        return writer
    }
}
