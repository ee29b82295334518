// SPDX-License-Identifier: Apache-2.0

/// Warnings about other programs' syntax in the prompts of a run.
package enum PromptSyntaxNotice {
    /// Longest quotation, in characters.
    private static let quotedCountMax = 40

    /// One warning for a run, naming each kind once with its first place; `nil` where all is words.
    ///
    /// - Parameters:
    ///   - entries: the prompts.
    ///   - negativePrompt: what those without one of their own share.
    package static func warning(
        _ entries: [PromptEntry], negativePrompt: String = ""
    ) -> String? {
        var kinds: [PromptSyntax] = []
        var first: [PromptSyntax: String] = [:]
        var counts: [PromptSyntax: Int] = [:]
        func look(at text: String, _ origin: @autoclosure () -> String) {
            for (kind, text) in PromptSyntax.found(in: text) where !kind.needsFiles {
                counts[kind, default: 0] += 1
                guard first[kind] == nil else { continue }
                kinds.append(kind)
                first[kind] = "\(quoted(text)) in \(origin())"
            }
        }
        look(at: negativePrompt, "--negative-prompt")
        for entry in entries {
            look(at: entry.prompt, entry.origin)
            if let text = entry.settings.negativePrompt {
                look(at: text, "the negative prompt of \(entry.origin)")
            }
        }
        guard !kinds.isEmpty else { return nil }
        let places = kinds.map { kind in
            let more = (counts[kind] ?? 1) - 1
            return (first[kind] ?? "") + (more > 0 ? " and \(more) more" : "")
        }
        return """
            treated as plain text: retom has no prompt weights, editing, wildcards or BREAK: \
            \(places.joined(separator: "; "))
            """
    }

    /// Why a prompt is refused; `nil` if it is not.
    ///
    /// - Parameter isNegative: whether it says what a picture does not show.
    package static func problem(of text: String, isNegative: Bool = false) -> String? {
        do throws(PromptNetworkError) {
            let loras = try PromptNetworks.loras(in: text)
            if isNegative, let lora = loras.first { throw .negative("<lora:\(lora.text)>") }
        } catch {
            return "\(error)"
        }
        return PromptSyntax.found(in: text).first { $0.kind == .embedding }.map { _, text in
            """
            \(quoted(text)): a textual inversion is named by its word alone here, from the model's \
            own tokenizer or from --embd-dir; take embedding: out
            """
        }
    }

    static func quoted(_ text: String) -> String {
        text.count <= quotedCountMax ? text : text.prefix(quotedCountMax - 1) + "…"
    }
}
