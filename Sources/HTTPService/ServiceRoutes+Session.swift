// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import ServiceAPI

/// Sessions of browsers: a key becomes a cookie, so that pictures and events need no script.
extension ServiceRoutes {
    func addSession(to router: Router<Context>) {
        router.post("/retom/v1/session") { request, context in
            guard let key = Credentials.key(in: request.headers[.authorization]) else {
                throw APIProblem.unauthorized
            }
            let session = try await service.openSession(key)
            return Response.cookie(
                cookie(context).beginning(session.text, seconds: session.seconds))
        }
        router.delete("/retom/v1/session") { request, context in
            let cookie = cookie(context)
            if let session = session(request, context) { try await service.endSession(session) }
            return Response.cookie(cookie.end)
        }
    }

    /// The session that a browser shows for a page of this service.
    func session(_ request: Request, _ context: Context) -> String? {
        // Pages at other ports of this machine are of the same site, and the cookie comes along.
        let site = HTTPField.Name("Sec-Fetch-Site").flatMap { request.headers[$0] }
        guard site == nil || site == "same-origin" || site == "none" else { return nil }
        return cookie(context).session(in: request.headers[.cookie])
    }

    private func cookie(_ context: Context) -> SessionCookie {
        SessionCookie(port: context.channel.localAddress?.port ?? 0, isSecure: hasSecureCookies)
    }
}

extension Response {
    /// Nothing but a cookie.
    fileprivate static func cookie(_ text: String) -> Response {
        Response(status: .noContent, headers: [.setCookie: text, .cacheControl: "no-store"])
    }
}
