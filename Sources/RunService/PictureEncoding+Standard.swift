// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
package import Runs
import SafeTensors
import TokenMerging

extension PictureEncoding {
    /// Latents as diffusers saves them, `latents` of f32 `[1, channels, height, width]`, and the
    /// names of this package's merge methods.
    package static let standard = PictureEncoding(
        latents: { latents in
            var writer = SafeTensorsWriter(metadata: ["format": "pt"])
            writer.add(
                "latents", shape: [1, latents.channels, latents.height, latents.width],
                values: latents.values)
            return writer.serialized()
        },
        mergeMethod: TokenMergeRegistry.displayName(of:))
}
