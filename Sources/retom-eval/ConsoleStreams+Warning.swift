// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Requests

extension ConsoleStreams {
    /// A warning on standard error, as `retom-coord` writes it.
    static func warn(_ message: String) {
        standard.writeError(TerminalText.sanitized("warning: \(message)") + "\n")
    }
}
