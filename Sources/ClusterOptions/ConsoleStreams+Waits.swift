// SPDX-License-Identifier: Apache-2.0

package import CommandSupport

extension ConsoleStreams {
    /// Says that another program's lock is waited for.
    package static let reportWait: @Sendable (String) -> Void = { standard.writeError($0 + "\n") }
}
