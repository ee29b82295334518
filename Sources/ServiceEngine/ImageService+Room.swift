// SPDX-License-Identifier: Apache-2.0

import Logging
import Runs
import ServiceAPI
import ServiceLedger
import Synchronization

/// Room on the disk of the state: below a limit nothing is accepted, and no image begins.
extension ImageService {
    /// Refuses to accept what could not be kept.
    func requireRoom() throws(APIProblem) {
        guard let hasRoom = hasRoom() else { throw .stateGone }
        guard hasRoom else { throw .diskFull }
    }

    /// Looks for room: what waits is offered to workers only while there is some.
    ///
    /// What was offered before is finished: that frees a worker, and takes little.
    func noteRoom() {
        // What can't be read now is read the next time.
        guard let hasRoom = hasRoom(), hasRoom != state.withLock(\.ledger.hasRoom) else { return }
        if hasRoom {
            logger.notice("the disk has room again: images that wait begin")
        } else {
            logger.warning(
                "the disk is nearly full: no image begins; delete batches, or make room",
                metadata: ["directory": "\(store.directory)", "bytes.min": "\(freeByteCountMin)"])
        }
        apply(.room(hasRoom))
    }

    /// Why the images of a batch wait for more than their turns; `nil` where they do not.
    var waitReason: String? {
        state.withLock { state in
            state.ledger.hasRoom
                ? state.fleet.reason
                : "the disk of the service is nearly full; it continues when batches are deleted"
        }
    }

    /// Whether there is room; `nil` where the directory can't be looked at.
    private func hasRoom() -> Bool? {
        do throws(ServiceStateError) {
            return try freeByteCount(store) > freeByteCountMin
        } catch {
            logger.error("the state can't be read", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}
