// SPDX-License-Identifier: Apache-2.0

/// How much memory this process may still use before the system kills it.
package enum AvailableMemory {
    /// Bytes left on the machine or, if less, in one of the process's control groups; `nil` if the
    /// system does not report it.
    package static func byteCount() -> Int? {
        [machine("MemAvailable:"), ResourceLimits.ofProcess().freeByteCount].compactMap { $0 }.min()
    }

    /// Bytes that this process may ever use; `nil` if the system does not report it.
    ///
    /// The machine's or, if less, the limit of one of its control groups; the same whenever it is
    /// asked for.
    package static let limit: Int? = [
        machine("MemTotal:"), ResourceLimits.ofProcess().byteCountMax,
    ].compactMap { $0 }.min()

    private static func machine(_ name: String) -> Int? {
        for line in SystemFile.lines("/proc/meminfo") where line.hasPrefix(name) {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
        }
        return nil
    }
}
