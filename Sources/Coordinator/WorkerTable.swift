// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes

/// The workers of a coordinator, and whose connection is whose.
struct WorkerTable {
    /// All workers, in the order of the list that the coordinator was given.
    let numbers: [WorkerNumber]
    private var workers: [RegisteredWorker]
    /// The worker of each connection that has not ended.
    private var owners: [ConnectionID: WorkerNumber] = [:]
    private var lastConnection: UInt64 = 0

    init(_ addresses: [WorkerAddress], timeouts: ClusterTimeouts) {
        numbers = addresses.indices.map(WorkerNumber.init)
        workers = addresses.map { RegisteredWorker(address: $0, timeouts: timeouts) }
    }

    /// A worker; neither reading nor changing a part of it copies the rest.
    subscript(number: WorkerNumber) -> RegisteredWorker {
        _read { yield workers[number.rawValue] }
        _modify { yield &workers[number.rawValue] }
    }

    /// Whether every worker is out of the cluster.
    var areGone: Bool { workers.allSatisfy(\.isGone) }

    /// Connections that have not ended.
    var connectionCount: Int { owners.count }

    /// Begins a connection to a worker.
    mutating func connect(_ number: WorkerNumber) -> ConnectionID {
        lastConnection += 1
        let id = ConnectionID(lastConnection)
        owners[id] = number
        self[number].connect(id)
        return id
    }

    /// The worker of a connection; `nil` once it was closed.
    func owner(of id: ConnectionID) -> WorkerNumber? {
        owners[id].flatMap { self[$0].connection == id ? $0 : nil }
    }

    /// A connection has ended.
    mutating func end(_ id: ConnectionID) { owners[id] = nil }

    /// Images of which a worker holds a lease, or that one has to sample again.
    var neededImages: Set<ImageNumber> {
        var images: Set<ImageNumber> = []
        for worker in workers {
            for held in worker.leases { images.insert(held.image) }
            if let disputed = worker.disputedImage { images.insert(disputed) }
        }
        return images
    }
}
