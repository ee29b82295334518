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
        // What is asked for is no default.
        var automatic = try ComputeOptions.parse(["--precision", "auto"])
        automatic.follow(Self.settled)
        #expect(automatic.settings["precision"] == "auto")
    }

    @Test(arguments: [
        (
            ["--precision", "bf16"],
            RunConflict(flag: "--precision", asked: "bf16", before: "f32")
        ),
        (
            ["--precision", "f32", "--instruction-set", "avx512"],
            RunConflict(flag: "--instruction-set", asked: "avx512", before: "avx2")
        ),
        (
            ["--precision", "auto"],
            RunConflict(flag: "--precision", asked: "auto", before: "f32")
        ),
        (["--precision", "f32", "--backend", "openblas"], nil),
        (["-t", "3"], nil), ([], nil),
    ])
    func anotherWayToComputeIsAConflict(_ words: [String], _ conflict: RunConflict?) throws {
        let options = try ComputeOptions.parse(words)
        #expect(options.conflict(with: Self.settled) == conflict)
        #expect(options.conflict(with: [:]) == nil)
    }
}
