// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// What PEFT's `LoraConfig` says of α, for one part of a model.
///
/// diffusers writes it into a file's header as `lora_adapter_metadata`; the tensors have no `alpha`
/// then.
struct PEFTConfiguration: Equatable {
    /// α of all layers but those of `alphaPattern`; `nil` where nothing says, and the scale is 1.
    var loraAlpha: Double?
    /// α of layers whose names end so.
    var alphaPattern: [String: Double] = [:]
    /// Whether α is divided by the root of the rank (rsLoRA).
    var usesRSLoRA = false

    /// Reads a part's configuration from a header; `nil` where it has none.
    ///
    /// - Parameter component: whose keys begin with `<component>.`.
    init?(
        metadata: [String: String], component: ModelComponent
    ) throws(LoRAProblem) {
        guard let text = metadata["lora_adapter_metadata"] else { return nil }
        let file: File
        do {
            file = try JSONDecoder().decode(
                File.self, from: Data(text.utf8), configuration: component.rawValue)
        } catch {
            throw .metadata(reason: "can't be read")
        }
        loraAlpha = file.loraAlpha
        usesRSLoRA = file.usesRSLoRA ?? false
        for (name, alpha) in file.alphaPattern ?? [:] {
            // PEFT takes regular expressions here; diffusers writes names.
            guard name.allSatisfy({ $0.isLetter || $0.isNumber || "._".contains($0) }) else {
                throw .metadata(reason: "has an alpha_pattern that is no name")
            }
            let ending = name.hasPrefix("text_model.") ? name.dropFirst(11) : name[...]
            alphaPattern[String(ending)] = alpha
        }
    }

    /// What a layer's change is multiplied by; `nil` where nothing says.
    func scale(ofLayer name: String, rank: Int) -> Double? {
        // PEFT takes the first that matches; diffusers writes them in order.
        let own = alphaPattern.keys.sorted().first { name == $0 || name.hasSuffix(".\($0)") }
        guard let alpha = own.flatMap({ alphaPattern[$0] }) ?? loraAlpha else { return nil }
        return alpha / (usesRSLoRA ? Double(rank).squareRoot() : Double(rank))
    }
}

/// The keys in use, of one part.
private struct File: DecodableWithConfiguration {
    var loraAlpha: Double?
    var alphaPattern: [String: Double]?
    var usesRSLoRA: Bool?

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder, configuration prefix: String) throws {
        let values = try decoder.container(keyedBy: Key.self)
        func key(_ name: String) -> Key {
            let own = Key("\(prefix).\(name)")
            return values.contains(own) ? own : Key(name)
        }
        loraAlpha = try values.decodeIfPresent(Double.self, forKey: key("lora_alpha"))
        alphaPattern = try values.decodeIfPresent(
            [String: Double].self, forKey: key("alpha_pattern"))
        usesRSLoRA = try values.decodeIfPresent(Bool.self, forKey: key("use_rslora"))
    }
}
