// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// TAESD in one file: the weights of diffusers' `AutoencoderTiny`, or the original
/// `taesd_decoder.safetensors`.
///
/// Neither says how it is built: the names and shapes of its tensors do.
struct TinyAutoencoderFile: Sendable {
    /// Read off the tensors.
    let configuration: AutoencoderTinyConfiguration
    /// The decoder's, by the names that its layers ask for.
    let weights: ComponentWeights

    /// Opens the file; no weights are read.
    ///
    /// - Parameter files: where to note the file, so that the one that is hashed is the one that is
    ///   read.
    /// - Throws: `SafeTensorsError`, `SingleFileError`, `ConfigurationError`,
    ///   `TinyAutoencoderFileError`.
    init(path: String, noting files: ModelFileLedger) throws {
        let tensors = try SingleFileModel.open(path, files).tensors
        guard let layout = TinyAutoencoderLayout(keys: tensors.keys) else {
            throw TinyAutoencoderFileError(path: path, problem: .otherContent)
        }
        let named = tensors.sorted { $0.key < $1.key }.compactMap { key, tensor in
            layout.name(ofKey: key).map { (name: $0, source: tensor as any WeightSource) }
        }
        let shapes = Dictionary(named.map { ($0.name, $0.source.shape) }) { first, _ in first }
        configuration = AutoencoderTinyConfiguration(shapes: shapes)
        weights = ComponentWeights(
            path: path, fitting: "the shape that its other keys describe", named)
        do throws(ConfigurationProblem) {
            try configuration.validate()
        } catch {
            throw TinyAutoencoderFileError(path: path, problem: .otherShape("\(error)"))
        }
    }
}

/// A file that is no TAESD decoder for a model.
package struct TinyAutoencoderFileError: Error, Equatable, CustomStringConvertible {
    package enum Problem: Sendable, Equatable {
        /// Neither layout's first tensor is there.
        case otherContent
        /// The tensors describe no decoder.
        case otherShape(String)
        /// It decodes other latents than the model's.
        case otherLatents(channels: Int, scale: Int, modelChannels: Int, modelScale: Int)
    }

    package let path: String
    package let problem: Problem

    package init(path: String, problem: Problem) {
        self.path = path
        self.problem = problem
    }

    package var description: String {
        switch problem {
        case .otherContent:
            """
            \(path) holds no TAESD decoder (neither decoder.layers.0.weight nor 1.weight); take \
            taesd_decoder.safetensors, or the weights of a diffusers AutoencoderTiny
            """
        case .otherShape(let reason):
            "\(path) holds no TAESD decoder that can be used: \(reason)"
        case .otherLatents(let channels, let scale, let modelChannels, let modelScale):
            """
            \(path) decodes latents of \(channels) channels to \(scale) pixels each, but the \
            model's have \(modelChannels) channels for \(modelScale) pixels; take the TAESD of \
            this kind of model, or leave --taesd out
            """
        }
    }
}

/// How the tensors of an `AutoencoderTiny` are named.
enum TinyAutoencoderLayout: Sendable {
    /// `decoder.layers.0.weight`, with the encoder's beside it.
    case diffusers
    /// `1.weight`: the decoder alone, whose layer 0 is the clamping, which has no weights.
    case original

    /// The layout of a file with these tensors; `nil` for other contents.
    init?(keys: some Sequence<String>) {
        if keys.contains("decoder.layers.0.weight") {
            self = .diffusers
        } else if keys.contains("1.weight") {
            self = .original
        } else {
            return nil
        }
    }

    /// The name that layers ask for; `nil` for what is known and not needed.
    func name(ofKey key: String) -> String? {
        switch self {
        case .diffusers: return key.hasPrefix("encoder.") ? nil : key
        case .original:
            let parts = key.split(separator: ".", maxSplits: 1)
            guard parts.count == 2, let index = Int(parts[0]), index > 0 else { return key }
            return "decoder.layers.\(index - 1).\(parts[1])"
        }
    }
}

extension AutoencoderTinyConfiguration {
    /// Reads a decoder's configuration off its tensors: each level is a convolution and blocks.
    ///
    /// - Parameter shapes: by the names that layers ask for.
    init(shapes: [String: [Int]]) {
        func layers(_ suffix: String) -> [Int: [Int]] {
            var found: [Int: [Int]] = [:]
            for (name, shape) in shapes where name.hasSuffix(suffix) {
                let number = name.dropLast(suffix.count).split(separator: ".").last
                let prefix = "decoder.layers."
                guard let number, let index = Int(number), name == "\(prefix)\(index)\(suffix)"
                else { continue }
                found[index] = shape
            }
            return found
        }
        let convolutions = layers(".weight")
        let blocks = layers(".conv.0.weight").keys
        let places = convolutions.keys.sorted()
        func length(_ place: Int?, _ dimension: Int) -> Int {
            guard let place, let shape = convolutions[place], shape.count == 4 else { return 0 }
            return shape[dimension]
        }
        latentChannels = length(places.first, 1)
        outputChannels = length(places.last, 0)
        decoderBlockCounts = zip(places, places.dropFirst()).map { first, next in
            blocks.count { (first..<next).contains($0) }
        }
        decoderBlockOutputChannels = Array(
            repeating: length(places.first, 0), count: decoderBlockCounts.count)
    }
}
