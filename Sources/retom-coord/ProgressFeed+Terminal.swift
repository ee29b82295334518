// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Foundation
internal import GenerationTypes

extension ProgressFeed {
    /// What the environment says of the terminal.
    private static var terminalStyle: TerminalStyle {
        let environment = ProcessInfo.processInfo.environment
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
            .first { !$0.isEmpty }
        return TerminalStyle(
            usesColor: environment["NO_COLOR", default: ""].isEmpty
                && environment["TERM"] != "dumb",
            usesUnicode: locale?.uppercased().replacing("-", with: "").contains("UTF8") ?? false)
    }

    /// The display that suits the terminal and these options.
    static func make(for plan: RequestPlan, json: Bool, quiet: Bool) -> ProgressFeed {
        let mode =
            quiet
            ? ProgressDisplay.Mode.silent
            : .suited(
                errorIsTerminal: ConsoleStreams.errorIsTerminal,
                outputIsTerminal: ConsoleStreams.outputIsTerminal, json: json,
                style: terminalStyle)
        let display = ProgressDisplay(
            mode: mode, json: json, prompts: plan.requests.map(\.prompt), console: .standard)
        return ProgressFeed(display, console: .standard)
    }
}
