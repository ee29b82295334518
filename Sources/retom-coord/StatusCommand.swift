// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CommandSupport
internal import Foundation

/// Tells what the run of a directory is doing.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-coord status",
        abstract: "Tells what the run of a directory is doing: workers, speed, queue, time left.",
        discussion: """
            It reads status.json, which a running coordinator replaces every second, and looks \
            whether a coordinator holds the directory.

            Exit codes: 0 a run is going on or has ended; 1 its coordinator is gone; 2 there is none.
            """,
        version: ProgramVersion.text)

    @Argument(help: ArgumentHelp("The run's output directory.", valueName: "directory"))
    var directory = "out"

    @Flag(help: "Print one JSON object.")
    var json = false

    /// What `--json` prints.
    private struct Output: Encodable {
        var state: StatusReport.State
        var status: RunStatus?
    }

    func run() async throws {
        let report = StatusReport(directory: directory)
        let text =
            json
            ? try JSONText.line(Output(state: report.state, status: report.status)) + "\n"
            : report.text(now: Date())
        ConsoleStreams.standard.writeOutput(text)
        switch report.state {
        case .running, .ended: break
        case .gone: throw ProgramExit.someImagesFailed.code
        case .none: throw ProgramExit.unusableInput.code
        }
    }
}
