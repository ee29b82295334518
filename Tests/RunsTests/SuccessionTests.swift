// SPDX-License-Identifier: Apache-2.0

import Foundation
import Runs
import TestSupport
import Testing

/// Runs that were killed before they took an earlier one's place.
@Suite struct SuccessionTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path }

    init() throws { temporary = try TemporaryDirectory() }

    @Test func whatWasAcceptedLastIsPreferredOnRequest() throws {
        _ = try Samples.begin(2, in: path)
        _ = try RunStore.begin(
            Samples.run, requests: Samples.requests(5), directory: path, isSuccessor: true)
        #expect(try RunStore.open(directory: path).history().requests.count == 2)
        let preferred = try RunStore.open(directory: path, prefersSuccessor: true)
        #expect(preferred.isSuccessor)
        #expect(try preferred.history().requests.count == 5)
        try preferred.takePlace()
        #expect(try RunStore.open(directory: path).history().requests.count == 5)
    }

    @Test func whatWasNotAcceptedIsNot() throws {
        _ = try Samples.begin(2, in: path)
        try temporary.write([UInt8](), to: RunFileName.successor)
        let opened = try RunStore.open(directory: path, prefersSuccessor: true)
        #expect(!opened.isSuccessor)
        #expect(try opened.history().requests.count == 2)
    }

    /// Killed after the earlier run was removed and before the next one had its name.
    @Test func aRunThatOnlyLacksItsNameIsTheEarlierOne() throws {
        _ = try RunStore.begin(
            Samples.run, requests: Samples.requests(5), directory: path, isSuccessor: true)
        let next = try RunStore.begin(
            Samples.run, requests: Samples.requests(2), directory: path, isSuccessor: true)
        next.abandonSuccession()
        let opened = try RunStore.open(directory: path, prefersSuccessor: true)
        #expect(try opened.history().requests.count == 5)
    }

    /// A log has no mark of the file that it belongs to: SQLite takes any.
    @Test(arguments: [RunFileName.database, "\(RunFileName.database)-shm"])
    func theEarlierRunsLogIsNotTaken(_ lastRemoved: String) throws {
        let earlier = try Samples.begin(2, in: path)
        try Samples.store(item: 1, in: earlier)
        let next = try RunStore.begin(
            Samples.run, requests: Samples.requests(5), directory: path, isSuccessor: true)
        // A copy is what a killed process leaves: nothing in it is closed.
        let killed = try TemporaryDirectory()
        try withExtendedLifetime((earlier, next)) {
            for name in temporary.contents { _ = try killed.copy(temporary.file(name), as: name) }
        }
        let names = killed.contents
        let log = "\(RunFileName.database)-wal"
        #expect(names.contains(log) && names.contains("\(RunFileName.successor)-wal"))
        for name in [RunFileName.database, "\(RunFileName.database)-shm"] {
            try FileManager.default.removeItem(atPath: killed.file(name))
            if name == lastRemoved { break }
        }
        let opened = try RunStore.open(directory: killed.path)
        let history = try opened.history()
        #expect(history.requests.count == 5 && history.results.isEmpty)
        #expect(!opened.isSuccessor)
    }
}
