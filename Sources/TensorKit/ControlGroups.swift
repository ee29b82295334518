// SPDX-License-Identifier: Apache-2.0

/// The paths of a process's control groups, by `cgroups(7)`: version 2 has one tree for all
/// resources, version 1 one for each, and a machine may use both.
package struct ControlGroups: Sendable {
    private struct Mount {
        /// The part of the tree.
        var root: String
        var folder: String
        var isUnified: Bool
        /// Resources of a tree of version 1.
        var controllers: [String]
    }

    private struct Membership {
        /// Empty in version 2.
        var controllers: [String]
        var path: String
    }

    private let mounts: [Mount]
    private let memberships: [Membership]

    /// Reads the system's tables.
    ///
    /// - Parameters:
    ///   - memberships: lines of `/proc/self/cgroup`.
    ///   - mounts: lines of `/proc/self/mountinfo`.
    package init(memberships: [String], mounts: [String]) {
        self.memberships = memberships.compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            return Membership(
                controllers: fields[1].split(separator: ",").map(String.init),
                path: String(fields[2]))
        }
        self.mounts = mounts.compactMap(Self.mount)
    }

    /// The control groups of this process.
    static func ofProcess() -> ControlGroups {
        ControlGroups(
            memberships: SystemFile.lines("/proc/self/cgroup"),
            mounts: SystemFile.lines("/proc/self/mountinfo"))
    }

    /// Folders of version 2: the process's own group, then its ancestors.
    package var unifiedFolders: [String] {
        guard let path = memberships.first(where: \.controllers.isEmpty)?.path else { return [] }
        return folders(of: path, in: mounts.filter(\.isUnified))
    }

    /// The same in version 1, for one resource (`cpu`, `memory`).
    package func folders(of controller: String) -> [String] {
        guard let path = memberships.first(where: { $0.controllers.contains(controller) })?.path
        else { return [] }
        return folders(of: path, in: mounts.filter { $0.controllers.contains(controller) })
    }

    private func folders(of path: String, in mounts: [Mount]) -> [String] {
        let visible = mounts.first { Self.part(of: path, under: $0.root) != nil }
        guard let mount = visible ?? mounts.first else { return [] }
        // In a container with a partial view, the process's own group is the top of what it sees.
        var names = (Self.part(of: path, under: mount.root) ?? "").split(separator: "/")
        if names.contains("..") { names = [] }
        return (0...names.count).reversed().map { count in
            ([mount.folder] + names.prefix(count).map(String.init)).joined(separator: "/")
        }
    }

    /// The part of a path below a root; `nil` if it is elsewhere.
    private static func part(of path: String, under root: String) -> String? {
        if root == "/" || path == root { return root == "/" ? path : "" }
        return path.hasPrefix(root + "/") ? String(path.dropFirst(root.count)) : nil
    }

    /// A line of `proc_pid_mountinfo(5)`; `nil` for other file systems.
    private static func mount(_ line: String) -> Mount? {
        let fields = line.split(separator: " ")
        guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else {
            return nil
        }
        let kind = fields[dash + 1]
        guard kind == "cgroup" || kind == "cgroup2" else { return nil }
        return Mount(
            root: unescaped(fields[3]), folder: unescaped(fields[4]), isUnified: kind == "cgroup2",
            controllers: kind == "cgroup2"
                ? [] : fields[dash + 3].split(separator: ",").map(String.init))
    }

    /// Decodes spaces, tabs, newlines and backslashes written in octal, as `\040`.
    private static func unescaped(_ field: Substring) -> String {
        var text = String(field)
        for (code, character) in [
            ("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"),
        ] {
            text = text.replacing(code, with: character)
        }
        return text
    }
}
