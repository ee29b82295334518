// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Foundation
import GenerationTypes
import Requests
import RunDisplay
import Runs

extension ProgressFeed {
    /// The display that suits the terminal and these options.
    static func make(
        for plan: RequestPlan, json: Bool, quiet: Bool, monitor: RunMonitor
    ) -> ProgressFeed {
        let mode =
            quiet
            ? ProgressDisplay.Mode.silent
            : .suited(
                errorIsTerminal: ConsoleStreams.errorIsTerminal,
                outputIsTerminal: ConsoleStreams.outputIsTerminal, json: json,
                style: TerminalStyle(environment: ProcessInfo.processInfo.environment))
        let display = ProgressDisplay(
            mode: mode, json: json, prompts: plan.requests.map(\.prompt), console: .standard,
            monitor: monitor)
        return ProgressFeed(display, console: .standard, monitor: monitor)
    }
}
