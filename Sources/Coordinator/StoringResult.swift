// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import WireProtocol

/// A result that is being stored, and the workers that wait for its acknowledgement.
struct StoringResult {
    var result: LatentResult
    var maker: WorkerNumber
    /// The worker's address and kernels, as they are recorded.
    var worker: String
    var kernelClass: String
    /// The worker's picture of it, if it sent one.
    var picture: WorkerPicture?
    /// Connections that get RESULT-ACK when it is stored.
    var waiting: [(connection: ConnectionID, lease: Lease)]
}
