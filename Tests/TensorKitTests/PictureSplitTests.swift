// SPDX-License-Identifier: Apache-2.0

import Foundation
import TensorKit
import Testing

/// How threads are shared among pictures, and where those run.
@Suite struct PictureSplitTests {
    private static let single = MemoryNodes(allowed: [0, 1], folder: "/nowhere")

    @Test(arguments: [
        // threads, pictures, threads of each
        (1, 1, 1), (2, 1, 2), (3, 1, 3), (64, 1, 64),
        (1, 2, 1), (2, 2, 1), (2, 3, 1), (8, 8, 1),  // one keeps a core busy
        (3, 2, 2), (6, 2, 4),  // lanes that wait for each other's cores
        (4, 2, 2), (8, 2, 4), (16, 2, 8), (16, 3, 6), (64, 8, 8), (64, 32, 2),
    ])
    func threadsOfAPicture(_ threads: Int, _ pictures: Int, _ each: Int) {
        let split = PictureSplit(
            threadCount: threads, pictureCount: pictures, nodes: Self.single)
        #expect(split.threadsPerPicture == each)
        #expect(split.shares.map(\.threadCount) == [threads])
        #expect(split.shares[0].node == nil)
    }

    /// Eight threads for each picture; a machine of few cores keeps them for one.
    @Test(arguments: [(1, 1), (2, 1), (8, 1), (15, 1), (16, 2), (64, 8), (1024, 32)])
    func suitedCounts(_ threads: Int, _ pictures: Int) {
        #expect(PictureSplit.suitedCount(threadCount: threads) == pictures)
    }

    /// A machine of two nodes with eight processors each, of which this process may not use all.
    private func twoNodes(allowed: [Int]) throws -> MemoryNodes {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("nodes-\(UUID().uuidString)")
        for (name, list) in [("node0", "0-3,8-11"), ("node1", "4-7,12-15")] {
            let node = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: node, withIntermediateDirectories: true)
            try "\(list)\n".write(
                to: node.appendingPathComponent("cpulist"), atomically: true, encoding: .utf8)
        }
        try "0-1\n".write(
            to: folder.appendingPathComponent("online"), atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: folder) }
        return MemoryNodes(allowed: allowed, folder: folder.path)
    }

    @Test func picturesAreSpreadOverNodes() throws {
        let nodes = try twoNodes(allowed: Array(0..<16))
        #expect(nodes.areSeveral)
        #expect(nodes.nodes.map(\.number) == [0, 1])
        #expect(nodes.nodes[1].processors == [4, 5, 6, 7, 12, 13, 14, 15])
        let split = PictureSplit(threadCount: 16, pictureCount: 4, nodes: nodes)
        #expect(split.threadsPerPicture == 4)
        #expect(split.shares.map(\.threadCount) == [8, 8])
        #expect(split.shares.map(\.node) == nodes.nodes)
        #expect((0..<4).map(split.share(ofPicture:)) == [0, 1, 0, 1])
        // Not more than a node has.
        let few = PictureSplit(threadCount: 3, pictureCount: 2, nodes: nodes)
        #expect(few.shares.map(\.threadCount) == [1, 2])
        #expect(few.threadsPerPicture == 1)
        // A picture alone has them all.
        let one = PictureSplit(threadCount: 16, pictureCount: 1, nodes: nodes)
        #expect(one.shares.map(\.threadCount) == [16] && one.shares[0].node == nil)
    }

    @Test func nodesWithoutAllowedProcessorsDoNotCount() throws {
        let nodes = try twoNodes(allowed: [4, 5])
        #expect(nodes.nodes.map(\.number) == [1] && nodes.nodes[0].processors == [4, 5])
        #expect(!nodes.areSeveral)
    }

    @Test(arguments: [
        ("0-3,8-11", [0, 1, 2, 3, 8, 9, 10, 11]), ("5", [5]), ("", []), ("1,x,3", [1]),
        ("3-1", []), ("0-99999999", []),
    ])
    func lists(_ list: String, _ numbers: [Int]) {
        #expect(MemoryNodes.numbers(list) == numbers)
    }

    /// What this machine says of itself: weights and threads go where it allows.
    @Test func thisMachinesNodes() throws {
        let nodes = MemoryNodes.ofProcess
        let numbers = nodes.nodes.flatMap(\.processors)
        #expect(Set(numbers).count == numbers.count)
        for node in nodes.nodes { #expect(!node.processors.isEmpty) }
        let storage = try TensorStorage(byteCount: 5 << 20, spreads: true)
        memset(storage.base, 1, storage.byteCount)
        #expect(storage.base.load(fromByteOffset: (5 << 20) - 1, as: UInt8.self) == 1)
    }
}
