// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import SafeTensors
import TestSupport
import Testing

private let files = GoldenFiles(of: .module)

/// Results of diffusers and transformers, written by `scripts/goldens/model.py`.
struct Goldens {
    private let file: SafeTensorsFile

    /// The goldens of a model; missing ones fail the test.
    init(_ model: String) throws {
        file = try files.tensors("\(model).safetensors")
    }

    /// The goldens in a file; a missing one fails the test.
    init(path: String) throws { file = try SafeTensorsFile(path: path) }

    /// The path of a file in the folder of goldens.
    static func path(_ name: String) throws -> String { try files.path(name) }

    /// Values of a tensor.
    func floats(_ name: String) throws -> [Float] { try file.tensor(name).floats() }

    /// Values of a feature map that torch wrote channels first, as channels last, and its lengths.
    func channelsLast(_ name: String) throws -> (values: [Float], shape: [Int]) {
        let tensor = try file.tensor(name)
        let (batch, channels) = (tensor.shape[0], tensor.shape[1])
        let pixels = tensor.shape[2] * tensor.shape[3]
        let source = try tensor.floats()
        var values = [Float](repeating: 0, count: source.count)
        for item in 0..<batch {
            for channel in 0..<channels {
                for pixel in 0..<pixels {
                    values[(item * pixels + pixel) * channels + channel] =
                        source[(item * channels + channel) * pixels + pixel]
                }
            }
        }
        return (values, [batch, tensor.shape[2], tensor.shape[3], channels])
    }

    /// Token ids.
    func tokens(_ name: String) throws -> [Int32] {
        let tensor = try file.tensor(name)
        try #require(tensor.scalarType == .int64)
        return try tensor.bytes().withUnsafeBytes { bytes in
            (0..<tensor.elementCount).map {
                Int32(bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self))
            }
        }
    }

    /// Bytes of a picture.
    func bytes(_ name: String) throws -> [UInt8] { try file.tensor(name).bytes() }

    func contains(_ name: String) -> Bool { file[name] != nil }

    /// Samples of inner layers whose names begin with a prefix, by the rest of the name.
    func layers(_ prefix: String) throws -> [String: [Float]] {
        var layers: [String: [Float]] = [:]
        for name in file.names where name.hasPrefix(prefix) {
            layers[String(name.dropFirst(prefix.count))] = try floats(name)
        }
        return layers
    }
}

/// The path of a golden model, or of the embedded one.
func modelPath(_ name: String) throws -> String {
    if name == EmbeddedModel.name { return try EmbeddedModel.directory() }
    return try Goldens.path(name)
}
