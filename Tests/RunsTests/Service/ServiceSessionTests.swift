// SPDX-License-Identifier: Apache-2.0

import Foundation
import Runs
import TestSupport
import Testing

/// Sessions of browsers, as the directory keeps them.
@Suite struct ServiceSessionTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path }

    init() throws { temporary = try TemporaryDirectory() }

    private func key(_ name: String, _ store: ServiceStore) throws -> StoredKey {
        let text = try ServiceStore.addKey(
            named: name, weight: 1, isAdmin: false, at: 5, in: path)
        return try #require(try store.key(text))
    }

    @Test func theyEndByTimeByThemselvesAndWithTheirKey() throws {
        let store = try SampleService(path).store
        let (ann, bob) = (try key("ann", store), try key("bob", store))
        let first = try store.openSession(of: ann, at: 1000)
        let second = try store.openSession(of: ann, at: 2000)
        let third = try store.openSession(of: bob, at: 2000)
        #expect(first.utf8.count == 64 && Set([first, second, third]).count == 3)
        let end = 1000 + Double(ServiceStore.sessionSeconds)
        #expect(try store.key(ofSession: first, at: end - 1) == ann)
        #expect(try store.key(ofSession: first, at: end) == nil)
        #expect(try store.key(ofSession: third, at: end) == bob)
        try store.endSession(second)
        try store.endSession(second)
        #expect(try store.key(ofSession: second, at: 2001) == nil)
        try ServiceStore.revokeKey(named: "bob", in: path)
        #expect(try store.key(ofSession: third, at: 2001) == nil)
        for text in ["", "x", String(repeating: "0", count: 64), first + "0"] {
            #expect(try store.key(ofSession: text, at: 1001) == nil)
        }
    }

    @Test func aKeyHasSomeAndTheOldestGoes() throws {
        let store = try SampleService(path).store
        let (ann, bob) = (try key("ann", store), try key("bob", store))
        let other = try store.openSession(of: bob, at: 1000)
        let count = ServiceStore.sessionCountMax + 1
        // Some in the same second.
        let texts = try (0..<count).map {
            try store.openSession(of: ann, at: 1000 + Double($0 / 2))
        }
        #expect(try store.key(ofSession: texts[0], at: 1010) == nil)
        for text in texts.dropFirst() {
            #expect(try store.key(ofSession: text, at: 1010) == ann)
        }
        #expect(try store.key(ofSession: other, at: 1010) == bob)
    }

    /// Who reads the directory can't be somebody; what has ended does not stay.
    @Test func theirTextsAreNotKept() throws {
        let text: String
        do {
            let service = try SampleService(path)
            let ann = try key("ann", service.store)
            text = try service.store.openSession(of: ann, at: 1000)
            // Another service's start finds it.
            _ = try service.store.openSession(of: ann, at: 1000 + 1e6)
        }
        let bytes = try Data(contentsOf: URL(filePath: "\(path)/service.sqlite"))
        #expect(bytes.range(of: Data(text.utf8)) == nil)
        #expect(try SampleService(path).store.key(ofSession: text, at: 1001) == nil)
    }

    @Test func theyOutliveTheService() throws {
        let text: String
        do {
            let store = try SampleService(path).store
            text = try store.openSession(of: key("ann", store), at: 1000)
        }
        let store = try SampleService(path).store
        #expect(try store.key(ofSession: text, at: 1001)?.name == "ann")
    }
}
