// SPDX-License-Identifier: Apache-2.0

/// A LoRA by its name and how much of it: `NAME[:weight[:unet-weight]]`, as options and prompts have
/// it.
///
/// The first weight is for text encoder and U-Net, a second for the U-Net alone; `te=` and `unet=`
/// name them, as in A1111. Weights may be negative; the default is 1.
package struct LoRATag: Sendable, Hashable {
    /// The file's name without `.safetensors`; never a path.
    package var name: String
    /// What its changes of the text encoder are multiplied by.
    package var textWeight: Float
    /// What its changes of the U-Net are multiplied by.
    package var unetWeight: Float

    /// Weights beyond this turn every picture to noise.
    private static let weightMax: Float = 1000

    /// Reads what stands behind `--lora`, or between `<lora:` and `>`.
    package init(parsing text: String) throws(LoRATagError) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        name = parts.removeFirst()
        try Self.check(name, in: text)
        var positional: [Float] = []
        var named: [String: Float] = [:]
        for part in parts {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map(String.init)
            guard let number = words.last.flatMap(Float.init), number.magnitude <= Self.weightMax
            else { throw .weight(part, in: text) }
            if words.count == 1 {
                positional.append(number)
            } else {
                guard ["te", "unet"].contains(words[0]) else { throw .weight(part, in: text) }
                named[words[0]] = number
            }
        }
        guard positional.count <= 2 else { throw .weight(parts[parts.count - 1], in: text) }
        textWeight = named["te"] ?? positional.first ?? 1
        unetWeight = named["unet"] ?? (positional.count > 1 ? positional[1] : textWeight)
    }

    private static func check(_ name: String, in text: String) throws(LoRATagError) {
        guard !name.isEmpty else { throw .name(text) }
        guard !name.contains("/"), !name.contains("\\"), !name.contains("..") else {
            throw .path(name)
        }
    }

    /// The shortest text that is read as this.
    package var text: String {
        if textWeight != unetWeight { return "\(name):\(textWeight):\(unetWeight)" }
        return textWeight == 1 ? name : "\(name):\(textWeight)"
    }

    /// The LoRAs, each once: the weights of one that is there twice are added.
    package static func added(_ tags: [LoRATag]) -> [LoRATag] {
        var result: [LoRATag] = []
        for tag in tags {
            guard let index = result.firstIndex(where: { $0.name == tag.name }) else {
                result.append(tag)
                continue
            }
            result[index].textWeight += tag.textWeight
            result[index].unetWeight += tag.unetWeight
        }
        return result
    }
}

/// What can be wrong with the text of a `LoRATag`.
package enum LoRATagError: Error, Equatable, CustomStringConvertible {
    case name(String)
    case path(String)
    case weight(String, in: String)

    package var description: String {
        switch self {
        case .name(let text): "\(text): a LoRA's name is missing; \(Self.form)"
        case .path(let name):
            """
            \(name): a LoRA is named by its file without directory and .safetensors; \
            --lora-model-dir says where the files are
            """
        case .weight(let part, let text):
            "\(text): \(part) is no weight between -1000 and 1000; \(Self.form)"
        }
    }

    private static let form =
        "write NAME, NAME:weight, NAME:weight:unet-weight, or te=weight and unet=weight"
}
