// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import ServiceAPI
import ServiceLedger

/// A1111's paths.
extension ServiceRoutes {
    private static let pictureByteCountMax = 16 << 20

    func addSDAPI(to router: Router<Context>) {
        let lists = SDAPILists(model: service.model, defaults: service.defaults)
        let root = "/sdapi/v1/"
        func get(_ name: String, _ text: @escaping @Sendable () throws -> String) {
            router.get(RouterPath(root + name)) { request, context in
                _ = try await caller(request, context)
                return Response.json(text: try text())
            }
        }
        get("options") { try lists.options() }
        get("sd-models") { try lists.models() }
        get("samplers") { try lists.samplers() }
        get("schedulers") { try lists.schedulers() }
        get("loras") { try lists.loras() }
        get("embeddings") { try lists.embeddings() }
        for (name, text) in SDAPILists.constants { get(name) { text } }
        // There is nothing that could have changed.
        for name in ["refresh-checkpoints", "refresh-vae", "refresh-loras", "skip"] {
            router.post(RouterPath(root + name)) { request, context in
                _ = try await caller(request, context)
                return Response.json(text: name == "skip" ? "{}" : "null")
            }
        }
        router.post(RouterPath(root + "options")) { request, context in
            _ = try await caller(request, context)
            let ignored = try lists.setOptions(try await json(request))
            var response = Response.json(text: "null")
            if let header = ignored.header, let name = HTTPField.Name(IgnoredFields.headerName) {
                response.headers[name] = header
            }
            return response
        }
        router.get(RouterPath(root + "progress")) { request, context in
            let caller = try await caller(request, context)
            return Response.json(
                text: try SDAPIAnswer.progress(service.awaited(by: caller, .sdapi)))
        }
        router.post(RouterPath(root + "interrupt")) { request, context in
            try await service.interrupt(try await caller(request, context), .sdapi)
            return Response.json(text: "{}")
        }
        router.post(RouterPath(root + "png-info")) { request, context in
            _ = try await caller(request, context)
            let body = try await json(request, upTo: Self.pictureByteCountMax)
            let texts = try await service.texts(
                inPicture: try SDAPIAnswer.picture(inBody: body))
            return Response.json(text: try SDAPIAnswer.pictureInfo(texts))
        }
        router.post(RouterPath(root + "img2img")) { request, context -> Response in
            _ = try await caller(request, context)
            throw APIProblem(
                404, "not_found", "img2img is not there: pictures come from texts; use txt2img"
            )
        }
        router.post(RouterPath(root + "txt2img")) { request, context in
            let caller = try await caller(request, context)
            let body = try await json(request)
            let unread = UnreadBody { [service] () throws(APIProblem) in
                try SDAPIRequest(body, model: service.model)
            }
            let waiting = try await wait(for: body, .sdapi(unread), request, context, caller)
            let asked = try unread.value
            return try await answer(waiting, in: .sdapi, ignored: asked.ignored) {
                [service] finished in
                try SDAPIAnswer.pictures(
                    finished, to: asked, model: service.model, version: service.version)
            }
        }
    }
}
