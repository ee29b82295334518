// SPDX-License-Identifier: Apache-2.0

/// Which names a service answers to, and whose pages may ask.
///
/// A page that a user visits must not use the user's machine: its requests name another host
/// (after the page's name was bound to this address) or come with the page's origin.
package struct HostRules: Sendable {
    private let hosts: Set<String>
    private let origins: Set<String>

    /// - Parameters:
    ///   - boundHost: the address that the service listens at.
    ///   - publicURL: what the service is called elsewhere, such as `https://draw.example.org`.
    ///   - allowedOrigins: of pages that may ask, such as `https://app.example.org`.
    package init(boundHost: String, publicURL: String? = nil, allowedOrigins: [String] = []) {
        var hosts: Set<String> = ["localhost", "127.0.0.1", "::1"]
        hosts.insert(Self.name(boundHost))
        var origins = Set(allowedOrigins.map { Self.trimmed($0) })
        if let publicURL {
            hosts.insert(Self.name(Self.authority(of: publicURL)))
            origins.insert(Self.trimmed(publicURL))
        }
        self.hosts = hosts
        self.origins = origins
    }

    /// Why a request is refused; `nil` if it is not.
    ///
    /// - Parameters:
    ///   - host: the field `Host`.
    ///   - origin: the field `Origin`, which browsers add.
    ///   - address: of this machine, where the request came to: a service that listens at all of
    ///     its addresses has no other name, and only names can be bound to an address.
    package func problem(
        host: String?, origin: String?, address: String? = nil
    ) -> APIProblem? {
        // Of IPv4 at a socket for both.
        let address = address.map { $0.hasPrefix("::ffff:") ? String($0.dropFirst(7)) : $0 }
        guard let host, hosts.contains(Self.name(host)) || Self.name(host) == address else {
            return .misdirected(host ?? "nothing")
        }
        guard let origin, !allows(origin), origin != "http://\(host)", origin != "https://\(host)"
        else { return nil }
        return .foreignOrigin(origin)
    }

    /// Whether pages of another origin may read answers.
    package func allows(_ origin: String) -> Bool { origins.contains(Self.trimmed(origin)) }

    private static func trimmed(_ origin: String) -> String {
        var origin = origin.lowercased()
        while origin.hasSuffix("/") { origin.removeLast() }
        return origin
    }

    private static func authority(of url: String) -> String {
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        return String(url[start...].prefix { $0 != "/" })
    }

    /// A host without its port, in lower case; an IPv6 address without its brackets.
    private static func name(_ host: String) -> String {
        if host.hasPrefix("[") {
            return String(host.dropFirst().prefix { $0 != "]" }).lowercased()
        }
        let colons = host.count { $0 == ":" }
        return (colons == 1 ? String(host.prefix { $0 != ":" }) : host).lowercased()
    }
}
