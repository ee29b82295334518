// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunStore
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
        try temporary.write([UInt8](), to: RunStore.successorName)
        let opened = try RunStore.open(directory: path, prefersSuccessor: true)
        #expect(!opened.isSuccessor)
        #expect(try opened.history().requests.count == 2)
    }

    @Test func aNewRunForgetsAnotherThatCameToNothing() throws {
        _ = try RunStore.begin(
            Samples.run, requests: Samples.requests(5), directory: path, isSuccessor: true)
        _ = try Samples.begin(2, in: path)
        let opened = try RunStore.open(directory: path, prefersSuccessor: true)
        #expect(try opened.history().requests.count == 2)
    }
}
