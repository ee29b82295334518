// SPDX-License-Identifier: Apache-2.0

/// The LoRAs that the prompts of a run name.
///
/// They are merged into the weights, so that all pictures of a run have the same ones.
package enum PromptLoRAs {
    /// The set that all prompts name; empty where none names any.
    ///
    /// - Throws: `problems` with tags that can't be read, or with the first prompt that names others
    ///   than the first one.
    package static func shared(_ entries: [PromptEntry]) throws(PromptListError) -> [LoRATag] {
        guard let first = entries.first else { return [] }
        let wanted = try loras(of: first)
        for entry in entries.dropFirst() {
            let own = try loras(of: entry)
            guard Set(own) != Set(wanted) else { continue }
            throw .problems([
                PromptProblem(
                    origin: entry.origin,
                    message: """
                        it has \(names(own)) and \(first.origin) has \(names(wanted)): all prompts of \
                        a run have the same LoRAs; generate them in separate runs
                        """)
            ])
        }
        return wanted
    }

    private static func loras(of entry: PromptEntry) throws(PromptListError) -> [LoRATag] {
        do throws(PromptNetworkError) {
            return try PromptNetworks.loras(in: entry.prompt)
        } catch {
            throw .problems([PromptProblem(origin: entry.origin, message: "\(error)")])
        }
    }

    private static func names(_ tags: [LoRATag]) -> String {
        guard !tags.isEmpty else { return "no LoRA" }
        return tags.map { "<lora:\($0.text)>" }.joined(separator: " ")
    }
}
