// SPDX-License-Identifier: Apache-2.0

import Requests
import StableDiffusion

extension RunJob {
    /// Who decodes if nobody said, by what sampling and decoding amount to.
    ///
    /// - Throws: what `ModelCost` throws for the model or a request.
    package func decodePlace(on pool: WorkerPool) throws -> DecodePlace {
        guard hasOpenImages else { return .coordinator }
        let cost = try ModelCost(of: model.source)
        var (sampling, decoding) = (0.0, 0.0)
        for request in plan.requests {
            sampling += Double(try cost.samplingFLOPs(of: request))
            decoding += Double(try cost.decodingFLOPs(of: request))
        }
        return .automatic(
            samplingFLOPs: sampling, decodingFLOPs: decoding,
            workerCount: pool.samplingWorkerCount)
    }
}
