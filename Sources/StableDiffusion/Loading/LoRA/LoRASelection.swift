// SPDX-License-Identifier: Apache-2.0

/// A LoRA that is to be merged into a model, and how much of it.
package struct LoRASelection: Sendable, Hashable {
    /// Its name: that of the file without `.safetensors`.
    package var name: String
    /// The file.
    package var path: String
    /// What its changes of the text encoder are multiplied by; may be negative.
    package var textWeight: Float
    /// What its changes of the U-Net are multiplied by; may be negative.
    package var unetWeight: Float

    package init(name: String, path: String, textWeight: Float = 1, unetWeight: Float? = nil) {
        self.name = name
        self.path = path
        self.textWeight = textWeight
        self.unetWeight = unetWeight ?? textWeight
    }

    func weight(of component: ModelComponent) -> Float {
        component == .textEncoder ? textWeight : unetWeight
    }
}
