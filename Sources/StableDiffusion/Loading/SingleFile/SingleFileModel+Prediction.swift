// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SafeTensors

// What a U-Net predicts stands in no weight. Nobody notices at load when it is guessed wrong, but
// every picture is noise.

extension SingleFileModel {
    /// What the original configuration beside a file (`model.yaml` for `model.safetensors`) says;
    /// `nil` where there is none or it does not say.
    ///
    /// A scan for one line, `parameterization: "v"`: that is all that differs between the published
    /// ones.
    static func prediction(
        besides path: String, _ files: ModelFileLedger
    ) throws(ConfigurationError) -> PredictionType? {
        let stem = path.lastIndex(of: ".").map { String(path[..<$0]) } ?? path
        let yaml = stem + ".yaml"
        guard let identity = FileIdentity(path: yaml) else {
            try files.note(yaml, nil)
            return nil
        }
        guard identity.byteCount <= yamlByteCountMax else {
            throw ConfigurationError(
                path: yaml, problem: .notReadable(reason: "is larger than any configuration"))
        }
        let text = String(decoding: try files.read(yaml), as: UTF8.self)
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, Self.word(parts[0]) == "parameterization" else { continue }
            switch Self.word(parts[1].prefix { $0 != "#" }) {
            case "v": return .vPrediction
            case "eps": return .epsilon
            case "x0": return .sample
            default: continue
            }
        }
        return nil
    }

    private static let yamlByteCountMax = 1 << 20

    private static func word(_ text: Substring) -> String {
        String(text.filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" })
    }

    /// Standard deviation of the biases below from which on a model predicts v.
    ///
    /// Stable Diffusion 2.x was published with ε and with v in one shape; the first norm of the
    /// transformers in the last layer tells them apart. It is ComfyUI's rule, for every such model
    /// that its users load.
    private static let velocityDeviationMin = 0.09

    /// What the file's own marks and weights say.
    ///
    /// - Parameter isMarked: whether the file has the key `v_pred`.
    /// - Throws: `SafeTensorsError`.
    static func prediction(
        of unet: LDMUNet, _ family: SingleFileFamily, isMarked: Bool
    ) throws(SafeTensorsError) -> PredictionType {
        if isMarked { return .vPrediction }
        guard family == .stableDiffusion2,
            let bias = unet.tensors["up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias"],
            bias.scalarType.isReadableAsFloat
        else { return .epsilon }
        let values = try bias.floats().map(Double.init)
        let mean = values.reduce(0, +) / Double(max(1, values.count))
        let variance =
            values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, values.count))
        return variance.squareRoot() > velocityDeviationMin ? .vPrediction : .epsilon
    }
}
