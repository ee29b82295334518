// SPDX-License-Identifier: Apache-2.0

/// What keeps strangers out of a cluster's connections.
package struct ClusterSecurity: Sendable {
    /// Both ends prove that they hold it, in TLS that is made with it; `nil` asks nobody.
    package var key: ClusterKey?
    /// Both ends show certificates in TLS; `nil` asks for none.
    package var tls: TLSIdentity?

    /// Nothing: for loopback.
    package static let none = ClusterSecurity()

    /// Makes a choice; with both at once the TLS of the key lies in that of the certificates.
    package init(key: ClusterKey? = nil, tls: TLSIdentity? = nil) {
        self.key = key
        self.tls = tls
    }

    /// What the bytes of a connection go through, the layer next to the network first.
    var layers: [TLSLayer] {
        [tls.map(TLSLayer.certificates), key.map(TLSLayer.key)].compactMap(\.self)
    }

    /// Whether other machines may be let in.
    package var admitsOtherMachines: Bool { !layers.isEmpty }

    /// Whether an address can be reached from this machine only.
    ///
    /// A name other than `localhost` is taken for another machine, whatever it resolves to now.
    package static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
