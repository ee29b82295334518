// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Notices that the process that started this one is gone.
///
/// The starter holds the other end of our standard input and writes nothing. However it ends, even
/// by `kill -9`, the kernel closes that end and the read returns.
package enum ParentWatch {
    /// Calls back once, on a thread of its own, when standard input ends.
    ///
    /// The callback should end the process: its work is no longer needed.
    package static func onStandardInputEnd(_ action: @escaping @Sendable () -> Void) {
        let thread = Thread {
            var byte: UInt8 = 0
            var count = 1
            while count > 0 || (count < 0 && errno == EINTR) {
                count = readByte(&byte)
            }
            action()
        }
        thread.name = "parent"
        thread.start()
    }

    private static func readByte(_ byte: inout UInt8) -> Int {
        read(STDIN_FILENO, &byte, 1)
    }
}
