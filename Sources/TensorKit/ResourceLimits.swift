// SPDX-License-Identifier: Apache-2.0

/// The limits of a process's control groups: the smallest of its own group and its ancestors.
package struct ResourceLimits {
    private let groups: ControlGroups
    private let lines: (String) -> [String]

    /// Limits as read from files.
    ///
    /// - Parameters:
    ///   - groups: the folders to read.
    ///   - lines: the lines of a file; empty if there is no such file.
    package init(of groups: ControlGroups, lines: @escaping (String) -> [String]) {
        self.groups = groups
        self.lines = lines
    }

    /// The limits of this process.
    static func ofProcess() -> ResourceLimits {
        ResourceLimits(of: .ofProcess()) { SystemFile.lines($0) }
    }

    /// Whole processors, at least 1; `nil` without a limit.
    package var processorCount: Int? {
        let unified = groups.unifiedFolders.map { folder in
            let words = words("\(folder)/cpu.max")
            return words.count == 2 ? (quota: words[0], period: words[1]) : ("", "")
        }
        let single = groups.folders(of: "cpu").map { folder in
            (
                quota: words("\(folder)/cpu.cfs_quota_us").first ?? "",
                period: words("\(folder)/cpu.cfs_period_us").first ?? ""
            )
        }
        // No limit is "max" in version 2 and -1 in version 1.
        let counts = (unified + single).compactMap { quota, period -> Int? in
            guard let quota = Int(quota), let period = Int(period), quota > 0, period > 0 else {
                return nil
            }
            return max(1, quota / period)
        }
        return counts.min()
    }

    /// Bytes of memory left; `nil` without a limit.
    ///
    /// File pages do not count as used, because the system reclaims them.
    package var freeByteCount: Int? {
        let unified = groups.unifiedFolders.map { folder in
            freeByteCount(
                folder, limit: "memory.max", used: "memory.current", filePages: ["file"])
        }
        let single = groups.folders(of: "memory").map { folder in
            freeByteCount(
                folder, limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes",
                filePages: ["total_inactive_file", "total_active_file"])
        }
        return (unified + single).compactMap { $0 }.min()
    }

    /// Bytes of memory in all; `nil` without a limit.
    package var byteCountMax: Int? {
        let unified = groups.unifiedFolders.map { "\($0)/memory.max" }
        let single = groups.folders(of: "memory").map { "\($0)/memory.limit_in_bytes" }
        return (unified + single).compactMap { words($0).first.flatMap { Int($0) } }.min()
    }

    private func freeByteCount(
        _ folder: String, limit: String, used: String, filePages: [String]
    ) -> Int? {
        guard let limit = words("\(folder)/\(limit)").first.flatMap({ Int($0) }),
            let used = words("\(folder)/\(used)").first.flatMap({ Int($0) })
        else { return nil }
        let pages = lines("\(folder)/memory.stat").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            guard words.count == 2, filePages.contains(String(words[0])) else { return sum }
            return sum + (Int(words[1]) ?? 0)
        }
        return max(0, limit - used + pages)
    }

    private func words(_ path: String) -> [Substring] {
        lines(path).first?.split(separator: " ") ?? []
    }
}
