// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import ServiceAPI

/// Workers and queue.
extension ServiceRoutes {
    func addCluster(to router: Router<Context>) {
        router.get("/retom/v1/cluster") { request, context in
            let caller = try await caller(request, context)
            return try Response.json(try await service.cluster(for: caller))
        }
        for (name, isSetAside) in [("drain", true), ("resume", false)] {
            router.post(RouterPath("/retom/v1/cluster/workers/:name/\(name)")) {
                request, context in
                let caller = try await caller(request, context)
                let worker = PercentText.decoded(context.parameters.get("name") ?? "")
                return try Response.json(
                    try await service.setAside(isSetAside, worker: worker, by: caller))
            }
        }
    }
}
