// SPDX-License-Identifier: Apache-2.0

/// Where a worker listens.
package struct WorkerAddress: Sendable, Hashable {
    /// Port used when a hosts file names none.
    package static let defaultPort = 7400

    /// Host name, IPv4 address or IPv6 address without brackets.
    package var host: String
    /// TCP port, 1…65535.
    package var port: Int
    /// `key=value` words behind the address in a hosts file.
    package var options: [String: String]

    /// Names a place; keys of `options` are not interpreted here.
    package init(host: String, port: Int = defaultPort, options: [String: String] = [:]) {
        self.host = host
        self.port = port
        self.options = options
    }
}

extension WorkerAddress: CustomStringConvertible {
    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
