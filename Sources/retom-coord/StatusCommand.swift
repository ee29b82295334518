// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Foundation
import GenerationTypes
import Requests
import Runs

/// Shows the progress of the run in a directory.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-coord status",
        abstract: "Shows the progress of the run in a directory: workers, speed, queue, time left.",
        discussion: """
            It reads status.json, which a running coordinator replaces every second, and looks \
            whether a coordinator holds the directory. Where none does it counts the images in \
            run.sqlite. Of a directory of retom-serve it lists the newest batches.

            Exit codes: 0 a run is active or has ended; 1 its coordinator is gone; 2 there is none.
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
        var account: StoredImages?
    }

    /// What `--json` prints of a service's directory.
    private struct ServiceOutput: Encodable {
        var state = "service"
        var service: ServiceSummary
    }

    func run() async throws {
        if ServiceReader.isService(directory) { return try showService() }
        var problem: (any Error)?
        let now = Date()
        let report = StatusReport(directory: directory, now: now) {
            do {
                return try RunStore.peek(directory: directory).map(StoredImages.init)
            } catch {
                problem = error
                return nil
            }
        }
        if let problem {
            guard report.state != .none else { throw problem }
            ConsoleStreams.standard.writeError(TerminalText.sanitized("\(problem)") + "\n")
        }
        let text =
            json
            ? try JSONText.line(
                Output(state: report.state, status: report.status, account: report.images)) + "\n"
            : report.text(now: now)
        ConsoleStreams.standard.writeOutput(text)
        switch report.state {
        case .running, .ended: break
        case .gone: throw ProgramExit.someImagesFailed.code
        case .none: throw ProgramExit.unusableInput.code
        }
    }

    private func showService() throws {
        let summary = try ServiceSummary(ServiceReader(directory: directory))
        ConsoleStreams.standard.writeOutput(
            json
                ? try JSONText.line(ServiceOutput(service: summary)) + "\n"
                : summary.text(directory: directory))
        if summary.isGone { throw ProgramExit.someImagesFailed.code }
    }
}
