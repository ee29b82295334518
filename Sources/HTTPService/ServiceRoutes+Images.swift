// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import ServiceAPI

/// Images: pictures and latents, which never change.
extension ServiceRoutes {
    func addImages(to router: Router<Context>) {
        router.get("/retom/v1/batches/:id/images/:index") { request, context in
            let file = try await service.picture(
                index(context), of: batch(context), for: caller(request, context))
            return Response.file(file, for: request)
        }
        router.get("/retom/v1/batches/:id/latents/:index") { request, context in
            let file = try await service.latents(
                index(context), of: batch(context), for: caller(request, context))
            return Response.file(file, for: request)
        }
    }
}
