// SPDX-License-Identifier: Apache-2.0

/// How much memory this process may still use before the system kills it.
package enum AvailableMemory {
    /// Bytes left on the machine or, if less, in one of the process's control groups; `nil` if the
    /// system does not report it.
    package static func byteCount() -> Int? {
        [machine(), ResourceLimits.ofProcess().freeByteCount].compactMap { $0 }.min()
    }

    private static func machine() -> Int? {
        for line in SystemFile.lines("/proc/meminfo") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
        }
        return nil
    }
}
