// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport

/// Workers that sleep instead of computing: real ports, real connections, the real protocol.
@main struct SimulatedWorkers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulated-workers",
        abstract: "Host many workers that sleep instead of computing, and measure a coordinator.",
        subcommands: [
            ServeCommand.self, DrawCommand.self, ChartCommand.self, LieCommand.self,
        ])

    static func main() { runWatchingSignals() }
}
