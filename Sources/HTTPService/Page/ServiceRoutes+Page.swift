// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import ServiceAPI
import WebPage

/// The page. It needs no key, because it says nothing of anybody: its requests carry the key.
extension ServiceRoutes {
    func addPage(to router: Router<Context>) {
        add(WebPage.index, at: "/", to: router)
        for file in [WebPage.index] + WebPage.parts { add(file, at: "/\(file.name)", to: router) }
    }

    private func add(_ file: WebPage.File, at path: String, to router: Router<Context>) {
        router.get(RouterPath(path)) { request, _ in Response.page(file, for: request) }
    }
}

extension Response {
    /// A file of the page; browsers keep it, and ask each time whether it is still that one.
    fileprivate static func page(_ file: WebPage.File, for request: Request) -> Response {
        var headers: HTTPFields = [
            .eTag: file.tag, .cacheControl: "no-cache", .contentSecurityPolicy: WebPage.policy,
            .xContentTypeOptions: "nosniff",
        ]
        for (name, value) in [
            ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
        ] {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        if request.known.contains(file.tag) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = file.mediaType
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes)))
    }
}
