// SPDX-License-Identifier: Apache-2.0

/// The tags by which prompts name LoRAs, as in A1111: `<lora:NAME:weight>`, `<lyco:…>`.
///
/// They are no part of the text that is tokenised.
package enum PromptNetworks {
    /// Something between angle brackets that names a file.
    private struct Tag {
        var range: Range<String.Index>
        /// `lora`, `lyco`, `hypernet`.
        var kind: String
        /// What stands behind the first colon.
        var content: String
    }

    /// The LoRAs of a prompt in order, each once.
    ///
    /// - Throws: the first problem, in words.
    package static func loras(in prompt: String) throws(PromptNetworkError) -> [LoRATag] {
        var result: [LoRATag] = []
        for tag in try tags(in: prompt) {
            let text = String(prompt[tag.range])
            guard tag.kind != "hypernet" else { throw .hypernetwork(text) }
            do throws(LoRATagError) {
                result.append(try LoRATag(parsing: tag.content))
            } catch {
                throw .lora(text, error)
            }
        }
        return LoRATag.added(result)
    }

    /// The prompt without its tags; unchanged where `loras` has a problem.
    package static func removed(from prompt: String) -> String {
        guard let tags = try? tags(in: prompt), !tags.isEmpty else { return prompt }
        var result = ""
        var start = prompt.startIndex
        for tag in tags {
            result += prompt[start..<tag.range.lowerBound]
            start = tag.range.upperBound
        }
        return result + prompt[start...]
    }

    private static let kinds = ["lora", "lyco", "hypernet"]

    private static func tags(in prompt: String) throws(PromptNetworkError) -> [Tag] {
        // Lists are long and mostly prose.
        guard prompt.utf8.contains(UInt8(ascii: "<")) else { return [] }
        let scalars = prompt.unicodeScalars
        var tags: [Tag] = []
        var rest = scalars[...]
        while let start = rest.firstIndex(of: "<") {
            rest = rest[scalars.index(after: start)...]
            let word = String(String.UnicodeScalarView(rest.prefix(9))).lowercased()
            guard let kind = kinds.first(where: { word.hasPrefix($0 + ":") }) else { continue }
            let content = scalars.index(rest.startIndex, offsetBy: kind.unicodeScalars.count + 1)
            guard let end = rest.firstIndex(of: ">") else {
                throw .unclosed(String(prompt[start...]))
            }
            let after = scalars.index(after: end)
            tags.append(
                Tag(range: start..<after, kind: kind, content: String(prompt[content..<end])))
            rest = scalars[after...]
        }
        return tags
    }
}

/// What can be wrong with the tags of a prompt.
package enum PromptNetworkError: Error, Equatable, CustomStringConvertible {
    case unclosed(String)
    case hypernetwork(String)
    case lora(String, LoRATagError)
    case negative(String)
    case absent(String)

    package var description: String {
        switch self {
        case .unclosed(let text): "\(Self.quoted(text)): a > is missing at its end"
        case .hypernetwork(let text):
            "\(Self.quoted(text)): hypernetworks don't work here; take it out"
        case .lora(let text, let error): "\(Self.quoted(text)): \(error)"
        case .negative(let text):
            """
            \(Self.quoted(text)): LoRAs count for the whole picture; write it into the prompt, not \
            the negative one
            """
        case .absent(let name):
            """
            <lora:\(name)>: it is not merged into the model; give it with --lora \(name) and \
            --lora-model-dir
            """
        }
    }

    private static func quoted(_ text: String) -> String { PromptSyntaxNotice.quoted(text) }
}
