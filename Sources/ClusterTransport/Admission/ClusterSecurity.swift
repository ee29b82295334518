// SPDX-License-Identifier: Apache-2.0

package import WireProtocol

/// What keeps strangers out of a cluster's connections.
package struct ClusterSecurity: Sendable {
    /// Both ends prove that they hold it; `nil` asks nobody.
    package var key: AuthenticationKey?
    /// Both ends show certificates, and all bytes are encrypted; `nil` for plain TCP.
    package var tls: TLSIdentity?

    /// Nothing: for loopback.
    package static let none = ClusterSecurity()

    /// Makes a choice; both at once are fine.
    package init(key: AuthenticationKey? = nil, tls: TLSIdentity? = nil) {
        self.key = key
        self.tls = tls
    }

    /// Whether other machines may be let in.
    package var admitsOtherMachines: Bool { key != nil || tls != nil }

    /// Whether an address can be reached from this machine only.
    ///
    /// A name other than `localhost` is taken for another machine, whatever it resolves to now.
    package static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
