// SPDX-License-Identifier: Apache-2.0

import CDiskFaults
import Glibc
import Synchronization

/// A directory on a disk that fails on demand and tracks what a power loss would leave:
/// synchronised content and names for certain, nothing else.
///
/// Sees all operations below the directory, including SQLite's. A failed synchronisation loses
/// earlier writes for good, as on a real kernel: a later one does not recover them.
package final class FaultyDisk: Sendable {
    /// When operations fail.
    package enum Fault: Sendable {
        /// Only one operation, by its number from 1.
        case once(Int)
        /// That one and all later ones.
        case from(Int)

        fileprivate func strikes(_ number: Int) -> Bool {
            switch self {
            case .once(let ordinal): number == ordinal
            case .from(let ordinal): number >= ordinal
            }
        }
    }

    private struct State {
        var image = DiskImage()
        var fault: Fault?
        var code: Int32 = 0
        var operationCount = 0
    }

    private static let disks = Mutex<[String: FaultyDisk]>([:])
    private let directory: String
    private let state = Mutex(State())

    /// Watches an empty directory until `release`.
    package init(_ directory: String) {
        self.directory = directory
        Self.disks.withLock { $0[directory] = self }
        rt_set_disk_hook { request in request.map { FaultyDisk.decide($0.pointee) } ?? 0 }
    }

    /// Releases the directory; its content stays as the programs left it.
    package func release() { Self.disks.withLock { $0[directory] = nil } }

    /// Sets which operations fail from now on, counted from now, and with which `errno`.
    package func fail(_ fault: Fault, code: Int32) {
        state.withLock { ($0.fault, $0.code, $0.operationCount) = (fault, code, 0) }
    }

    /// Operations since `fail`, or since the beginning.
    package var operationCount: Int { state.withLock(\.operationCount) }

    /// What a power loss would leave now.
    package var image: DiskImage { state.withLock(\.image) }

    private static func decide(_ request: rt_disk_request) -> Int32 {
        let path = String(cString: request.path)
        let disk = disks.withLock { disks in
            disks.first { path == $0.key || path.hasPrefix("\($0.key)/") }?.value
        }
        // SQLite's index of the log is memory, not content.
        guard let disk, !path.hasSuffix("-shm") else { return Int32(RT_DISK_GO_ON) }
        return disk.decide(request, String(path.dropFirst(disk.directory.utf8.count)))
    }

    private func decide(_ request: rt_disk_request, _ path: String) -> Int32 {
        if request.operation == RT_DISK_LOCK { return Int32(RT_DISK_GO_ON) }
        if request.operation == RT_DISK_OPEN, Int32(request.offset) & O_CREAT == 0 { return 0 }
        return state.withLock { state in
            state.operationCount += 1
            let fails = state.fault?.strikes(state.operationCount) ?? false
            let other = request.other.map {
                String(String(cString: $0).dropFirst(directory.utf8.count))
            }
            state.image.note(request, path, other, hasFailed: fails)
            if fails { return state.code }
            // The image tracks what is durable.
            return Int32(request.operation == RT_DISK_SYNC ? RT_DISK_DONE : RT_DISK_GO_ON)
        }
    }
}
