// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Foundation
import Testing

/// Exit codes, and the service managers that read them.
@Suite struct ProgramExitTests {
    private static let interruptions = TerminationSignal.allCases.map { signal in
        Int(ProgramExit(endedBy: signal).rawValue)
    }.sorted()

    private func clusterFile(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "cluster/\(name)"), encoding: .utf8)
    }

    @Test func interruptionsHaveTheShellsNumbers() {
        for signal in TerminationSignal.allCases {
            #expect(ProgramExit(endedBy: signal).rawValue == 128 + signal.number)
        }
        #expect(Self.interruptions == [129, 130, 143])
        #expect(ProgramExit.someImagesFailed.rawValue == 1)
    }

    /// A pod that was deleted by hand is replaced; images that failed are for people to look at.
    @Test func kubernetesReplacesWhatASignalEnded() throws {
        let rules = try clusterFile("kubernetes/run.yaml").components(separatedBy: "- action: ")
        func values(_ action: String) throws -> [Int] {
            let rule = try #require(
                rules.first { $0.hasPrefix(action) && $0.contains("onExitCodes") })
            let list = try #require(rule.firstMatch(of: #/values: \[([0-9, ]+)\]/#))
            return list.1.split(separator: ", ").compactMap { Int($0) }
        }
        #expect(try values("Ignore") == Self.interruptions)
        let final = [ProgramExit.someImagesFailed, .unusableInput].map { Int($0.rawValue) }
        #expect(try values("FailJob") == final)
    }

    /// A run that was stopped has not failed; one without workers is tried again, not at once.
    @Test func systemdTriesAgainWhatFoundNoWorker() throws {
        let lines = try clusterFile("systemd/retom-run@.service").split(separator: "\n")
        func value(_ key: String) -> Substring? {
            lines.first { $0.hasPrefix("\(key)=") }?.dropFirst(key.count + 1)
        }
        #expect(value("RestartForceExitStatus") == "\(ProgramExit.noUsableWorker.rawValue)")
        let clean = value("SuccessExitStatus")?.split(separator: " ").compactMap { Int($0) }
        #expect(clean == Self.interruptions)
        #expect(try #require(value("RestartSec").flatMap { Int($0) }) >= 30)
        #expect(value("Restart") == "on-abnormal")
    }
}
