// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import ServiceAPI
import ServiceLedger

/// Server-sent events.
extension ServiceRoutes {
    func addEvents(to router: Router<Context>) {
        router.get("/retom/v1/events") { request, context in
            try await stream(of: nil, request, context)
        }
        router.get("/retom/v1/batches/:id/events") { request, context in
            try await stream(of: batch(context), request, context)
        }
    }

    private func stream(
        of batch: BatchID?, _ request: Request, _ context: Context
    ) async throws -> Response {
        let caller = try await caller(request, context)
        let previews = try request.query.flag("previews") ?? false
        let queue = try await service.watch(
            batch, for: caller, isStream: true, previews: previews)
        let watch = EventWatch(service: service, batch: batch, caller: caller, queue: queue)
        var headers: HTTPFields = [
            .contentType: EventText.mediaType, .cacheControl: "no-store",
        ]
        if let name = HTTPField.Name("X-Accel-Buffering") { headers[name] = "no" }
        let body = ResponseBody { writer in
            try await watch.send(to: &writer) {
                // A key that was taken back ends its streams, too.
                do {
                    return try await self.caller(request, context) == caller
                } catch let problem as APIProblem where problem.status == 401 {
                    return false
                }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }
}
