// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Runs

/// What has to be put right of a run that is resumed, once it is certain that it is.
package struct RunRepairs: Sendable {
    /// Whether workers will sample.
    ///
    /// Then a run that was to replace the one in the directory is resumed rather than that one.
    var isForSampling = false
    /// Images whose pictures are gone or damaged.
    var lostPictures: [ImageNumber] = []
    /// Images that have a damaged file.
    var damagedImages: Set<ImageNumber> = []
    /// Images whose latents are gone or damaged.
    var lostResults: [ImageNumber] = []
    /// Whether images that an earlier session failed are tried again.
    var reopensFailures = false

    /// Applies them on the disk.
    ///
    /// - Throws: `RunError`.
    func apply(to store: RunStore) throws {
        for image in lostPictures { try store.forgetPicture(of: image) }
        for image in lostResults { try store.forgetResult(of: image) }
        if reopensFailures { try store.reopenFailures() }
        // A process that was killed may have left some that are unreferenced.
        if isForSampling { try? store.removeUnnamedLatents() }
    }
}
