// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import ServiceAPI

/// Images: pictures and latents, which never change, and sheets of them.
extension ServiceRoutes {
    /// Widths that a picture may be asked for in, in pixels.
    private static let widths = 16...1024
    private static let sheetPages = 1...1_000_000

    func addImages(to router: Router<Context>) {
        router.get("/retom/v1/batches/:id/images/:index") { request, context in
            let caller = try await caller(request, context)
            let file = try await service.picture(
                index(context), of: batch(context), for: caller,
                width: request.query.number("width", in: Self.widths), known: request.known)
            return Response.file(file, for: request)
        }
        router.get("/retom/v1/batches/:id/latents/:index") { request, context in
            let file = try await service.latents(
                index(context), of: batch(context), for: caller(request, context))
            return Response.file(file, for: request)
        }
        router.get("/retom/v1/batches/:id/sheet") { request, context in
            let caller = try await caller(request, context)
            let file = try await service.sheet(
                of: batch(context), page: request.query.number("page", in: Self.sheetPages) ?? 1,
                for: caller, known: request.known)
            return Response.file(file, for: request)
        }
    }
}
