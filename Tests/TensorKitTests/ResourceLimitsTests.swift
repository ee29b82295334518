// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

@Suite struct ResourceLimitsTests {
    /// One tree of version 2 seen from the machine itself.
    private static let unified = [
        "25 30 0:23 / /sys rw,nosuid - sysfs sysfs rw",
        "31 25 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
    ]
    /// Version 1 with two resources in one tree, and an empty tree of version 2 beside it.
    private static let single = [
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755",
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
        "35 31 0:32 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory",
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    ]

    private func limits(
        _ memberships: [String], _ mounts: [String], _ files: [String: String]
    ) -> ResourceLimits {
        ResourceLimits(of: ControlGroups(memberships: memberships, mounts: mounts)) { path in
            files[path]?.split(separator: "\n").map(String.init) ?? []
        }
    }

    @Test func theProcesssOwnGroupCounts() {
        let own = "/sys/fs/cgroup/system.slice/retom.service"
        let limits = limits(
            ["0::/system.slice/retom.service"], Self.unified,
            [
                "\(own)/cpu.max": "250000 100000",
                "/sys/fs/cgroup/system.slice/cpu.max": "max 100000",
            ]
        )
        #expect(limits.processorCount == 2)
    }

    @Test func theTightestGroupAroundItCounts() {
        let limits = limits(
            ["0::/a/b/c"], Self.unified,
            [
                "/sys/fs/cgroup/a/b/c/cpu.max": "400000 100000",
                "/sys/fs/cgroup/a/cpu.max": "50000 100000",
            ])
        #expect(limits.processorCount == 1)
    }

    @Test func aContainerSeesItsGroupAsTheTop() {
        for membership in ["0::/", "0::/../../elsewhere", "0::/docker/0123"] {
            let limits = limits(
                [membership], Self.unified, ["/sys/fs/cgroup/cpu.max": "300000 100000"])
            #expect(limits.processorCount == 3, "\(membership)")
        }
    }

    @Test func versionOneCounts() {
        let folder = "/sys/fs/cgroup/cpu,cpuacct"
        let memberships = ["4:memory:/", "1:cpu,cpuacct:/batch/job_7", "0::/"]
        let quota = [
            "\(folder)/batch/job_7/cpu.cfs_quota_us": "-1",
            "\(folder)/batch/job_7/cpu.cfs_period_us": "100000",
            "\(folder)/batch/cpu.cfs_quota_us": "100000",
            "\(folder)/batch/cpu.cfs_period_us": "50000",
        ]
        #expect(limits(memberships, Self.single, quota).processorCount == 2)
        let none = quota.filter { !$0.key.contains("batch/cpu") }
        #expect(limits(memberships, Self.single, none).processorCount == nil)
    }

    /// Without its own namespace, Docker mounts the container's part of the tree.
    @Test func aPartOfTheTreeIsFoundWhereItIsMounted() {
        let mounts = [
            "32 31 0:29 /docker/ab\\040c /mnt/cpu rw - cgroup cgroup rw,cpu",
            "33 31 0:29 /docker/other /mnt/other rw - cgroup cgroup rw,cpu",
        ]
        let groups = ControlGroups(memberships: ["1:cpu:/docker/ab c/x"], mounts: mounts)
        #expect(groups.folders(of: "cpu") == ["/mnt/cpu/x", "/mnt/cpu"])
        #expect(groups.folders(of: "memory").isEmpty)
        #expect(groups.unifiedFolders.isEmpty)
        let sibling = ControlGroups(memberships: ["1:cpu:/docker/abc"], mounts: mounts)
        #expect(sibling.folders(of: "cpu") == ["/mnt/cpu"])
    }

    @Test(arguments: ["", "max", "max 100000", "x y", "0 100000", "100000 0", "-5 100000", "1 2 3"])
    func nonsenseIsNoLimit(_ content: String) {
        let limits = limits(["0::/"], Self.unified, ["/sys/fs/cgroup/cpu.max": content])
        #expect(limits.processorCount == nil)
        #expect(self.limits([], [], [:]).processorCount == nil)
        #expect(self.limits(["x", "1:cpu"], ["31 - cgroup"], [:]).processorCount == nil)
    }

    @Test func memoryIsWhatTheTightestGroupLeaves() {
        let folder = "/sys/fs/cgroup/a"
        let unified = limits(
            ["0::/a/b"], Self.unified,
            [
                "\(folder)/b/memory.max": "max", "\(folder)/b/memory.current": "100",
                "\(folder)/memory.max": "1000", "\(folder)/memory.current": "700",
                "\(folder)/memory.stat": "anon 500\nfile 150\nkernel 50",
            ])
        #expect(unified.freeByteCount == 450)
        #expect(unified.byteCountMax == 1000)
        let old = "/sys/fs/cgroup/memory/job"
        let single = limits(
            ["4:memory:/job", "0::/"], Self.single,
            [
                "\(old)/memory.limit_in_bytes": "1000", "\(old)/memory.usage_in_bytes": "1200",
                "\(old)/memory.stat": "cache 9\ntotal_inactive_file 30\ntotal_active_file 20",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes": "5000",
            ])
        #expect(single.freeByteCount == 0)
        #expect(single.byteCountMax == 1000)
    }
}
