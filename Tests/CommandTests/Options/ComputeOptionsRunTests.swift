// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Testing

/// How a resumed run computes.
@Suite struct ComputeOptionsRunTests {
    static let settled = [
        "precision": "f32", "backend": "auto", "instruction_set": "avx2", "merge": "none",
    ]

    @Test func whatIsLeftOpenFollowsTheRun() throws {
        var options = try ComputeOptions.parse(["--backend", "openblas"])
        options.follow(Self.settled)
        #expect(
            options.settings == [
                "precision": "f32", "backend": "openblas", "instruction_set": "avx2",
            ])
        var other = try ComputeOptions.parse([])
        other.follow([:])
        #expect(other.settings.values.allSatisfy { $0 == "auto" })
    }

    @Test(arguments: [
        (
            ["--precision", "bf16"],
            ComputeConflict(flag: "--precision", asked: "bf16", before: "f32")
        ),
        (
            ["--precision", "f32", "--instruction-set", "avx512"],
            ComputeConflict(flag: "--instruction-set", asked: "avx512", before: "avx2")
        ),
        (["--precision", "f32", "--backend", "openblas"], nil),
        (["-t", "3"], nil), ([], nil),
    ])
    func anotherWayToComputeIsAConflict(_ words: [String], _ conflict: ComputeConflict?) throws {
        let options = try ComputeOptions.parse(words)
        #expect(options.conflict(with: Self.settled) == conflict)
        #expect(options.conflict(with: [:]) == nil)
    }
}
