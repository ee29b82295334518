// SPDX-License-Identifier: Apache-2.0

import Digests
package import GenerationTypes

extension ModelFingerprint {
    /// Hashes what decides the pictures that a model makes.
    ///
    /// A part that one file decides has that file's SHA-256, as A1111's `Model hash` has; else its
    /// digest is the SHA-256 over the SHA-256 of everything that decides it.
    package init(of model: any ModelSource) throws {
        func digest(_ component: ModelComponent) throws -> [UInt8] {
            let digests = try model.digestParts(of: component).map { part in
                switch part {
                case .file(let path): try model.files.digest(ofFile: path)
                case .text(let text): Self.digest(of: text)
                }
            }
            if digests.count == 1 { return digests[0] }
            var outer = SHA256()
            for digest in digests { outer.update(data: digest) }
            return outer.finalize()
        }
        self.init(
            unet: try digest(.unet), textEncoder: try digest(.textEncoder),
            vae: try digest(.vae))
    }

    private static func digest(of text: String) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: Array(text.utf8))
        return hash.finalize()
    }
}
