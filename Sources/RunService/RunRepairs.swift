// SPDX-License-Identifier: Apache-2.0

import Runs

/// What has to be put right of a run that is resumed, once it is certain that it is.
package struct RunRepairs: Sendable {
    /// Whether workers will sample.
    ///
    /// Then a run that was to replace the one in the directory is resumed rather than that one.
    var isForSampling = false
    /// Images whose pictures are gone or damaged.
    var lostPictures: [Int] = []
    /// Images that have a damaged file.
    var damagedItems: Set<Int> = []
    /// Images whose latents are gone or damaged.
    var lostResults: [Int] = []
    /// Whether images that an earlier session failed are tried again.
    var reopensFailures = false

    /// Applies them on the disk.
    ///
    /// - Throws: `RunError`.
    func apply(to store: RunStore) throws {
        for item in lostPictures { try store.forgetPicture(of: item) }
        for item in lostResults { try store.forgetResult(of: item) }
        if reopensFailures { try store.reopenFailures() }
        // A process that was killed may have left some that are unreferenced.
        if isForSampling { try? store.removeUnnamedLatents() }
    }
}
