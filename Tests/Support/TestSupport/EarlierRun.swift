// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A run of three images, of 64×64 pixels and seeds from 100, that an earlier version began and
/// that was killed when the first of them was written.
package enum EarlierRun: Int, CaseIterable, Sendable {
    /// Version 0.1.0: no seal, no decode class. Made by `retom-coord -t 1 -p "a red house" -b 3
    /// --steps 40 -W 64 -H 64 -s 100 --precision f32 --merge none --save-latents` and `kill -9`.
    case layout2 = 2
    /// The version before layout 4: a seal, and requests in the old JSON, with settings of all
    /// kinds. The second image has a checkpoint of that version at step 40 of 60.
    ///
    /// Made likewise by `--prompts` with three JSON lines and `--checkpoint-every 10`.
    case layout3 = 3

    /// The digest of its image 0.
    package var digest: String {
        switch self {
        case .layout2: "bb28554f98629ff935f07e2a6b93b5d3bc63488553e7f9f5522d97e94df34505"
        case .layout3: "372534ee23c9436935b27274e650fc1aeb54bc89280965cc2c8a092fce1f07b3"
        }
    }

    /// Puts a copy of it there and returns its path.
    package func copy(to directory: TemporaryDirectory, as name: String) throws -> String {
        try directory.copy(
            Bundle.module.bundlePath + "/Fixtures/run-of-layout-\(rawValue)", as: name)
    }
}
