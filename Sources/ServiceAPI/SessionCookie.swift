// SPDX-License-Identifier: Apache-2.0

/// The cookie by which a browser shows its session: no script reads it, no other site sends it.
package struct SessionCookie: Sendable, Equatable {
    /// Cookies are not kept apart by ports: services of one machine would end each other's sessions.
    package let name: String
    private let isSecure: Bool

    /// - Parameters:
    ///   - port: of the service.
    ///   - isSecure: whether browsers reach the service by HTTPS.
    package init(port: Int, isSecure: Bool) {
        name = "retom_session_\(port)"
        self.isSecure = isSecure
    }

    /// The session in a field `Cookie`; `nil` if there is none.
    package func session(in field: String?) -> String? {
        for pair in (field ?? "").split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].trimmingPrefix(while: { $0 == " " }) == name else {
                continue
            }
            return String(parts[1])
        }
        return nil
    }

    /// The field `Set-Cookie` that begins a session.
    package func beginning(_ session: String, seconds: Int) -> String {
        "\(name)=\(session); Max-Age=\(seconds)\(attributes)"
    }

    /// The field `Set-Cookie` that ends it.
    package var end: String { "\(name)=; Max-Age=0\(attributes)" }

    private var attributes: String {
        "; Path=/; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }
}
