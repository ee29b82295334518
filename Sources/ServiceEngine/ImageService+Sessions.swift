// SPDX-License-Identifier: Apache-2.0

import Runs
package import ServiceAPI
import ServiceLedger

/// Sessions of browsers.
extension ImageService {
    package func visitor(session: String) async throws(APIProblem) -> ServedCaller? {
        try await read { [store, now] () throws(ServiceStateError) in
            let key = try store.key(ofSession: session, at: now)
            if let key { store.noteUse(of: key, at: now) }
            return key.map(ServedCaller.init)
        }
    }

    package func openSession(
        _ key: String
    ) async throws(APIProblem) -> (text: String, seconds: Int) {
        let key = try await read { [store] () throws(ServiceStateError) in try store.key(key) }
        guard let key else { throw .unauthorized }
        let text = try await change { [store, now] () throws(ServiceStateError) in
            try store.openSession(of: key, at: now)
        }
        return (text, ServiceStore.sessionSeconds)
    }

    package func endSession(_ text: String) async throws(APIProblem) {
        try await change { [store] () throws(ServiceStateError) in try store.endSession(text) }
    }

    /// Changes the disk; where that fails the service ends.
    private func change<Value: Sendable>(
        _ body: @escaping @Sendable () throws(ServiceStateError) -> Value
    ) async throws(APIProblem) -> Value {
        try await perform { [self] () throws(APIProblem) in
            do throws(ServiceStateError) {
                return try body()
            } catch {
                fail(error)
                throw APIProblem(.draining, batch: "")
            }
        }
    }
}

extension ServedCaller {
    /// The holder of a key.
    init(_ key: StoredKey) {
        self.init(visitor: Visitor(key.caller, isAdmin: key.isAdmin), weight: key.weight)
    }
}
