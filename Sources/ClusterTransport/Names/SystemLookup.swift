// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

/// The system's own name lookup: `/etc/hosts`, DNS, or whatever `nsswitch.conf` lists.
enum SystemLookup {
    /// The addresses of a host in the system's order (RFC 6724), port 0; blocks for as long as the
    /// system waits for its name servers.
    static func addresses(of host: String) throws(NameResolutionError) -> [SocketAddress] {
        try addresses(of: host, flags: 0)
    }

    /// A literal address, IPv4 or IPv6 with or without a scope; `nil` for names.
    ///
    /// Queries nothing and never blocks.
    static func literal(_ text: String) -> SocketAddress? {
        (try? addresses(of: text, flags: AI_NUMERICHOST))?.first
    }

    private static func addresses(
        of host: String, flags: Int32
    ) throws(NameResolutionError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            let system = String(cString: strerror(errno))
            throw NameResolutionError(
                reason: code == EAI_SYSTEM ? system : String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let bytes = UnsafeRawPointer(entry.ai_addr) else { continue }
            switch entry.ai_family {
            case AF_INET: found.append(SocketAddress(bytes.load(as: sockaddr_in.self), host: host))
            case AF_INET6:
                found.append(SocketAddress(bytes.load(as: sockaddr_in6.self), host: host))
            default: continue
            }
        }
        guard !found.isEmpty else { throw NameResolutionError(reason: "it has no IP address") }
        return found
    }
}

/// Why a name has no address; a later attempt may succeed.
package struct NameResolutionError: Error, Equatable, CustomStringConvertible {
    /// The system's message.
    package var reason: String

    /// Creates an error.
    package init(reason: String) { self.reason = reason }

    package var description: String { "the name can't be resolved: \(reason)" }
}
