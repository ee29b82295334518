// SPDX-License-Identifier: Apache-2.0

package import Logging
package import WireProtocol

extension Logger {
    /// Logs a sent or received message.
    package func debug(
        _ what: Logger.Message, _ message: WireProtocol.Message, connection: UInt64
    ) {
        debug(
            what,
            metadata: message.logFields.mapValues { "\($0)" }
                .merging(["connection": "\(connection)"]) { $1 })
    }
}
