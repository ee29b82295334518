// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import GenerationTypes
import Requests
import RunService
import Runs
import ServiceLedger

/// Makes a run directory of a batch.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-serve export",
        abstract: "Makes a run directory of a batch, whether or not the service runs.",
        discussion: """
              retom-serve export 5f0c2a9be1d74c8812ab90ef -o out --state /var/lib/retom
              retom-coord -o out --resume -w hosts.txt

            The directory is what retom-coord would have left: pictures, latents, run.sqlite, \
            report.json, gallery. A batch that has not ended, was cancelled or has failed images \
            can be resumed there, apart from the service, which continues.

            Exit codes: 0 exported; 2 wrong usage, no such batch, or a directory that can't be \
            used; 129, 130 or 143 interrupted by a signal: nothing was exported.
            """,
        version: ProgramVersion.text)

    @Argument(help: "The batch's id: 24 hexadecimal digits.") var batch: String
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Directory for the run, new or empty.", valueName: "directory"))
    var output: String
    @OptionGroup var place: KeysCommand.Place

    func validate() throws {
        let isID =
            batch.utf8.count == 24
            && batch.allSatisfy { $0.isHexDigit && $0.isASCII && !$0.isUppercase }
        guard isID else {
            throw ValidationError(
                """
                \(batch) is no batch's id; ids have 24 hexadecimal digits, and 'retom-coord status \
                \(place.state)' lists the newest
                """)
        }
    }

    func run() async throws {
        let stop = StopRequest()
        // Asked between two images.
        stop.onRequest {}
        let export = BatchExport(
            identity: .random(), encoding: .standard,
            isInterrupted: { stop.interruption != nil },
            warn: { ConsoleStreams.standard.writeError("\(TerminalText.sanitized($0))\n") })
        do {
            let images = try export.write(
                BatchID(batch), of: ServiceReader(directory: place.state), to: output)
            ConsoleStreams.standard.writeOutput("\(output): \(images.text)\n")
        } catch BatchExportError.interrupted {
            guard let interruption = stop.interruption else { throw BatchExportError.interrupted }
            throw interruption.code
        }
    }
}
