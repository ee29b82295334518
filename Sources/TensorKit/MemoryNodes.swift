// SPDX-License-Identifier: Apache-2.0

import CThreadTeam

/// The memory nodes (NUMA) of a machine, with the processors next to each.
///
/// A processor reads its own node's memory up to twice as fast as another's. So the threads of a
/// picture stay on one node, with the scratch memory that they touch first; weights, which all
/// pictures read, lie on all nodes in turn.
package struct MemoryNodes: Sendable, Equatable {
    /// One node.
    package struct Node: Sendable, Equatable {
        /// The system's number.
        package var number: Int
        /// Processors that this process may use.
        package var processors: [Int]
    }

    /// Nodes with processors that this process may use, by number; one or none where the system
    /// does not say more.
    package let nodes: [Node]

    /// Those of this process, read once.
    package static let ofProcess = MemoryNodes(
        allowed: CPUInfo.allowedProcessors(), folder: "/sys/devices/system/node")

    /// Reads the system's description.
    ///
    /// - Parameters:
    ///   - allowed: processors that this process may use.
    ///   - folder: `/sys/devices/system/node`.
    package init(allowed: [Int], folder: String) {
        let allowed = Set(allowed)
        let online = SystemFile.firstLine("\(folder)/online").map(Self.numbers) ?? []
        nodes = online.compactMap { number in
            let list = SystemFile.firstLine("\(folder)/node\(number)/cpulist") ?? ""
            let processors = Self.numbers(list).filter(allowed.contains)
            return processors.isEmpty ? nil : Node(number: number, processors: processors)
        }
    }

    /// Whether there is more than one.
    package var areSeveral: Bool { nodes.count > 1 }

    /// The numbers of a list as the kernel writes it: `0-3,8-11`; those before anything else.
    package static func numbers(_ list: String) -> [Int] {
        var numbers: [Int] = []
        for part in list.split(separator: ",") {
            let bounds = part.split(separator: "-").map { Int($0) }
            guard let first = bounds.first ?? nil, let last = bounds.last ?? nil,
                bounds.count <= 2, first >= 0, first <= last, last < 1 << 20
            else { break }
            numbers += first...last
        }
        return numbers
    }

    /// Spreads pages that nobody has touched over all nodes; does nothing on a single one.
    func interleave(_ address: UnsafeMutableRawPointer, byteCount: Int) {
        guard areSeveral else { return }
        // Refused where a container forbids it: the memory is as good, only slower to reach.
        _ = rt_memory_interleave(
            address, byteCount, nodes.map { Int32($0.number) }, Int32(nodes.count))
    }
}

extension MemoryNodes.Node {
    /// Lets the calling thread, and those that it starts, run on this node only.
    package func adopt() {
        // Refused where processors were taken from this process meanwhile: threads run anywhere.
        _ = rt_cpu_pin(processors.map { Int32($0) }, Int32(processors.count))
    }
}
