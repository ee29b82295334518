// SPDX-License-Identifier: Apache-2.0

/// A textual inversion that prompts may name.
package struct EmbeddingSelection: Sendable, Hashable {
    /// The words that stand for it: its file's name without `.safetensors`.
    package var name: String
    /// The file.
    package var path: String

    package init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}
