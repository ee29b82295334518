// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Evaluation

/// Reproduces the paper's Table I.
struct Table1: ParsableCommand, StudyChoice {
    static let study = EvidenceStudy.table1
    static let configuration = CommandConfiguration(
        commandName: "table1",
        abstract: "The paper's Table I: ways to merge tokens, with controls.",
        discussion: discussion("table1"),
        subcommands: [
            PlanEvidence<Self>.self, MeasureEvidence<Self>.self, TimeEvidence<Self>.self,
            ReportEvidence<Self>.self,
        ])
}

/// Reproduces the paper's Table II.
struct Table2: ParsableCommand, StudyChoice {
    static let study = EvidenceStudy.table2
    static let configuration = CommandConfiguration(
        commandName: "table2",
        abstract: "The paper's Table II: the most and the least representative token.",
        discussion: discussion("table2"),
        subcommands: [
            PlanEvidence<Self>.self, MeasureEvidence<Self>.self, TimeEvidence<Self>.self,
            ReportEvidence<Self>.self,
        ])
}

/// Which study a command belongs to.
protocol StudyChoice {
    static var study: EvidenceStudy { get }
}

extension StudyChoice {
    /// How the commands of a table follow each other.
    static func discussion(_ name: String) -> String {
        """
          retom-eval \(name) plan --images 2000 -o plan.jsonl
          retom-coord --prompts plan.jsonl --local-workers 2 -o run
          retom-eval \(name) measure run --data evidence
          retom-eval \(name) time --rounds 20 --data evidence
          retom-eval \(name) report --data evidence -o out/\(name)

        The pictures of a plan can be generated in pieces (--from, --images), on any cluster, and on \
        several days: "measure" adds them to one small file per row, after which they may be \
        deleted. "report" writes the table from these files, for the pictures that all rows have.
        """
    }
}

/// Where the measurements of a study are kept.
struct EvidenceDataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Measurements: a small file per row, and times.json.", valueName: "directory"))
    var data = "evidence"
}
