// SPDX-License-Identifier: Apache-2.0

/// Authentication and encryption of a cluster's connections.
package struct ClusterSecurity: Sendable {
    /// Both ends prove that they hold it, in TLS based on it; `nil` requires no key.
    package var key: ClusterKey?
    /// Both ends present certificates in TLS; `nil` requires none.
    package var tls: TLSIdentity?

    /// No security: for loopback.
    package static let none = ClusterSecurity()

    /// Creates a configuration; with both at once the key's TLS runs inside that of the
    /// certificates.
    package init(key: ClusterKey? = nil, tls: TLSIdentity? = nil) {
        self.key = key
        self.tls = tls
    }

    /// The layers of a connection, the one next to the network first.
    var layers: [TLSLayer] {
        [tls.map(TLSLayer.certificates), key.map(TLSLayer.key)].compactMap(\.self)
    }

    /// Whether other machines may connect.
    package var admitsOtherMachines: Bool { !layers.isEmpty }

    /// Whether an address is reachable only from this machine.
    ///
    /// A name other than `localhost` counts as another machine, whatever it resolves to now.
    package static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
