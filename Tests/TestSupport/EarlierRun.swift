// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A run begun by version 0.1.0 and killed when one of its three images was written: its database
/// has layout 2.
///
/// Made by `retom-coord -t 1 -p "a red house" -b 3 --steps 40 -W 64 -H 64 -s 100 --precision f32
/// --merge none --save-latents` and `kill -9`.
package enum EarlierRun {
    /// The digest of its image 0.
    package static let digest =
        "bb28554f98629ff935f07e2a6b93b5d3bc63488553e7f9f5522d97e94df34505"

    /// Copies it to a path and returns the path.
    package static func copy(to directory: TemporaryDirectory, as name: String) throws -> String {
        try directory.copy(
            Bundle.module.bundlePath + "/Fixtures/run-of-layout-2", as: name)
    }
}
