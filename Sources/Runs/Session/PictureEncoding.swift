// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What the files beside the run's database need of libraries that know tensors.
package struct PictureEncoding: Sendable {
    /// The bytes of a `.safetensors` file of latents.
    package var latents: @Sendable (GeneratedLatents) -> [UInt8]
    /// A merge method's name for people, by its name in requests.
    package var mergeMethod: @Sendable (String) -> String

    /// Names both.
    package init(
        latents: @escaping @Sendable (GeneratedLatents) -> [UInt8],
        mergeMethod: @escaping @Sendable (String) -> String
    ) {
        self.latents = latents
        self.mergeMethod = mergeMethod
    }
}
