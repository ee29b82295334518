// SPDX-License-Identifier: Apache-2.0

internal import CDiskFaults
internal import Glibc
internal import Synchronization

/// A directory on a disk that fails when it is told to, and that remembers what would be left of it
/// if the power went: content and names that were synchronised, and nothing else for certain.
///
/// All operations below the directory come by, SQLite's too. A synchronisation that fails loses what
/// was written before it, for good, as on a real kernel: a later one does not bring it back.
package final class FaultyDisk: Sendable {
    /// When operations fail.
    package enum Fault: Sendable {
        /// One operation, by its number from 1, and no other.
        case once(Int)
        /// That one and all that follow.
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

    /// Lets the directory go; its content stays as the programs left it.
    package func release() { Self.disks.withLock { $0[directory] = nil } }

    /// Says which operations fail from now on, counted from now on, and with which `errno`.
    package func fail(_ fault: Fault, code: Int32) {
        state.withLock { ($0.fault, $0.code, $0.operationCount) = (fault, code, 0) }
    }

    /// Operations since `fail`, or since the beginning.
    package var operationCount: Int { state.withLock(\.operationCount) }

    /// What a loss of power would leave now.
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
            // What is durable is the image's business.
            return Int32(request.operation == RT_DISK_SYNC ? RT_DISK_DONE : RT_DISK_GO_ON)
        }
    }
}
