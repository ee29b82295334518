// SPDX-License-Identifier: Apache-2.0

import Evaluation
import GenerationTypes
import Requests
import Testing

@Suite("Evidence: plans")
struct EvidencePlanTests {
    private func prompts(_ texts: [String]) -> [GenerationRequest] {
        texts.map { GenerationRequest(prompt: $0, seed: 9, width: 64, height: 64) }
    }

    @Test func everyRowGetsTheSamePromptsAndSeeds() {
        let rows: [EvidenceRow] = [.unmerged, .tomeSD, .mostRepresentative]
        let plan = EvidencePlan(rows: rows, seed: 100)
        let requests = plan.requests(3..<5, of: prompts(["a", "b"]))
        #expect(requests.map(\.prompt) == ["b", "b", "b", "a", "a", "a"])
        #expect(requests.map(\.seed) == [103, 103, 103, 104, 104, 104])
        #expect(
            requests.map(\.tokenMerging.method) == [
                "none", "tome", "retom", "none", "tome", "retom",
            ])
    }

    @Test(arguments: EvidenceStudy.allCases)
    func aRowIsFoundAgainFromTheRequestInAReport(_ study: EvidenceStudy) throws {
        let plan = EvidencePlan(rows: study.rows, seed: 7)
        let lines = EvidencePlan.promptFile(plan.requests(0..<2, of: prompts(["a, \"b\""])))
        let found = try lines.split(separator: "\n").map { line in
            var request = try GenerationRequest(json: String(line))
            // As a run settles it.
            request.tokenMerging =
                EvidenceRow("x", model: "", merging: request.tokenMerging).merging
            return try #require(plan.place(of: request))
        }
        #expect(found.map(\.row) == study.rows + study.rows)
        #expect(found.map(\.index) == study.rows.map { _ in 0 } + study.rows.map { _ in 1 })
    }

    @Test func rowsDifferInWhatTellsThemApart() {
        let rows = EvidenceStudy.table1.rows
        #expect(Set(rows.map(\.id)).count == rows.count)
        #expect(Set(rows.map(\.title)).count == rows.count)
        #expect(Set(rows.map { "\($0.merging) \($0.seedOffset)" }).count == rows.count)
        let ids = Set(rows.map(\.id))
        for claim in EvidenceStudy.allCases.flatMap(\.claims) {
            #expect(ids.contains(claim.better) && ids.contains(claim.worse), "\(claim.text)")
        }
    }

    @Test func aRequestOfAnotherPlanHasNoPlace() {
        let plan = EvidencePlan(rows: [.unmerged, .otherSeeds], seed: 50)
        var request = prompts(["a"])[0]
        request.tokenMerging = .none
        request.seed = 49
        #expect(plan.place(of: request) == nil)
        request.seed = 1_000_051
        #expect(plan.place(of: request)?.row == .otherSeeds)
        request.tokenMerging = TokenMergeConfiguration()
        #expect(plan.place(of: request) == nil)
    }
}
