// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ServiceLedger
import TestSupport
import Testing

@Suite("Places in the queue are those at which images are offered")
struct PlaceTests {
    private static let admin = Visitor(CallerID("admin"), isAdmin: true)

    /// A queue of several callers, of which some images were offered.
    private static func subject(
        _ random: inout SplitMix64, stepCounts: [Int]
    ) -> (subject: Subject, ids: [String]) {
        var subject = Subject(workers: 0)
        var ids: [String] = []
        for number in 0..<Int.random(in: 1...12, using: &random) {
            ids.append("batch \(number)")
            _ = subject.submit(
                "caller \(Int.random(in: 0...4, using: &random))", ids[number],
                count: Int.random(in: 1...20, using: &random),
                steps: stepCounts.randomElement(using: &random)!,
                priority: BatchPriority.allCases.randomElement(using: &random)!, ticket: number)
            _ = subject.commitAll()
            if Bool.random(using: &random) {
                _ = subject.apply(.workers(Int.random(in: 0...20, using: &random)))
            }
        }
        return (subject, ids)
    }

    private static func place(of id: String, in subject: Subject) -> Int? {
        let visibility = subject.ledger.visibility(
            of: BatchID(id), to: admin, findsPlace: true)
        guard case .live(let view) = visibility else { return nil }
        return view.place
    }

    /// For each batch how many images are offered before its next one.
    private static func turns(_ subject: Subject) -> [String: Int] {
        var subject = subject
        var turns: [String: Int] = [:]
        let offers = subject.apply(.workers(10_000))
        for case (let turn, .offer(let image)) in offers.enumerated() {
            guard let batch = subject.ledger.batch(of: image.number)?.batch else { continue }
            turns[batch.id.text] = turns[batch.id.text] ?? turn
        }
        return turns
    }

    @Test("Exact where the images of a caller are of equal work", arguments: UInt64(0)..<300)
    func exact(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let (subject, ids) = Self.subject(&random, stepCounts: [4])
        let turns = Self.turns(subject)
        for id in ids { #expect(Self.place(of: id, in: subject) == turns[id]) }
    }

    @Test("Near where they are not", arguments: UInt64(0)..<300)
    func near(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let (subject, ids) = Self.subject(&random, stepCounts: [2, 4, 16])
        let turns = Self.turns(subject)
        for id in ids {
            guard let turn = turns[id] else {
                #expect(Self.place(of: id, in: subject) == nil)
                continue
            }
            let place = try #require(Self.place(of: id, in: subject))
            #expect(abs(place - turn) <= max(8, turn / 2))
        }
    }

    @Test func aBatchOfWhichAllImagesAreOfferedHasNone() {
        var subject = Subject(workers: 0)
        _ = subject.submit("ann", "b", count: 2, ticket: 1)
        _ = subject.commitAll()
        #expect(Self.place(of: "b", in: subject) == 0)
        _ = subject.apply(.workers(2))
        #expect(Self.place(of: "b", in: subject) == nil)
    }
}
