// SPDX-License-Identifier: Apache-2.0

/// How much memory this process may still take before the system ends it.
enum AvailableMemory {
    /// Bytes left on the machine or, if that is less, in the process's control group; `nil` where
    /// the system does not tell.
    static func byteCount() -> Int? {
        [machine(), controlGroup()].compactMap { $0 }.min()
    }

    private static func machine() -> Int? {
        field("MemAvailable:", of: "/proc/meminfo").map { $0 << 10 }
    }

    /// What the limit leaves; file pages don't count, for the system takes them back.
    private static func controlGroup() -> Int? {
        let name = SystemFile.lines("/proc/self/cgroup").first { $0.hasPrefix("0::") }?.dropFirst(3)
        // In a container its own group is the root of what it sees.
        for folder in ["/sys/fs/cgroup\(name ?? "")", "/sys/fs/cgroup"] {
            guard let limit = SystemFile.firstLine("\(folder)/memory.max").flatMap(Int.init),
                let used = SystemFile.firstLine("\(folder)/memory.current").flatMap(Int.init)
            else { continue }
            let filePages = field("file", of: "\(folder)/memory.stat") ?? 0
            return max(0, limit - used + filePages)
        }
        return nil
    }

    /// The number behind a name in a file of names and numbers.
    private static func field(_ name: String, of path: String) -> Int? {
        for line in SystemFile.lines(path) {
            let words = line.split(separator: " ")
            if words.count >= 2, words[0] == name { return Int(words[1]) }
        }
        return nil
    }
}
