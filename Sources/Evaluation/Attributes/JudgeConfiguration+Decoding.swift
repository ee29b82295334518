// SPDX-License-Identifier: Apache-2.0

import StableDiffusion

extension JudgeConfiguration {
    private enum CodingKeys: String, CodingKey {
        case input, layers, values, kinds, colours, positions, coloured, outputs
        case presentAbove = "present_above"
    }

    private struct Input: Decodable {
        var size: [Int]
        var channels: String
        var scale: String
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let input = try container.decode(Input.self, forKey: .input)
        guard input.channels == "RGB", input.scale == "x / 127.5 - 1", input.size.count == 2 else {
            throw ConfigurationProblem.unsupported(
                key: "input", value: "\(input)", supported: ["RGB of x / 127.5 - 1"])
        }
        width = input.size[0]
        height = input.size[1]
        layers = try container.decode([Layer].self, forKey: .layers)
        values = try container.decode(Values.self, forKey: .values)
        kinds = try container.decode([String].self, forKey: .kinds)
        colours = try container.decode([String].self, forKey: .colours)
        positions = try container.decode([String].self, forKey: .positions)
        coloured = try container.decode([String].self, forKey: .coloured)
        presentAbove = try container.decode(Float.self, forKey: .presentAbove)
        outputs = try container.decode([String: Int].self, forKey: .outputs)
    }
}

extension JudgeConfiguration.Layer: Decodable {
    private enum CodingKeys: String, CodingKey {
        case convolution, channels, kernel, stride, padding, groups, epsilon, silu, flatten, linear
        case groupNorm = "group_norm"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys) throws -> Int { try container.decode(Int.self, forKey: key) }
        if let name = try container.decodeIfPresent(String.self, forKey: .convolution) {
            self = .convolution(
                name: name, channels: try number(.channels), kernel: try number(.kernel),
                stride: try number(.stride), padding: try number(.padding))
        } else if let name = try container.decodeIfPresent(String.self, forKey: .groupNorm) {
            self = .groupNorm(
                name: name, groups: try number(.groups),
                epsilon: try container.decode(Float.self, forKey: .epsilon))
        } else if try container.decodeIfPresent(Bool.self, forKey: .silu) == true {
            self = .silu
        } else if let order = try container.decodeIfPresent(String.self, forKey: .flatten),
            order == "channels, rows, columns"
        {
            self = .flatten
        } else if let name = try container.decodeIfPresent(String.self, forKey: .linear) {
            self = .linear(name: name)
        } else {
            let place = decoder.codingPath.map(\.stringValue).joined(separator: ".")
            throw ConfigurationProblem.unsupported(
                key: place, value: "of an unknown kind",
                supported: ["convolution", "group_norm", "silu", "flatten", "linear"])
        }
    }
}
