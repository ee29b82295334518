// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Foundation
import GenerationTypes
import Requests
import StableDiffusion

/// Lists the models of a directory.
struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-coord models",
        abstract: "Lists the models of a directory: name, hash, size, kind.",
        discussion: """
              retom-coord models ~/models
              retom-coord --model-dir ~/models --model NAME -p "a house"

            Models are .safetensors checkpoints and directories in the diffusers layout. The hash is \
            what pictures carry as Model hash: of a checkpoint A1111's. Other files are listed \
            with what they are.

            Exit codes: 0 listed; 2 wrong usage or no such directory.
            """,
        version: ProgramVersion.text)

    @Argument(help: ArgumentHelp("The directory.", valueName: "directory"))
    var directory: String

    @Option(
        help: ArgumentHelp("List the LoRAs of this directory, too.", valueName: "directory"))
    var loraModelDir: String?

    @Option(
        help: ArgumentHelp(
            "List the textual inversions of this directory, too.", valueName: "directory"))
    var embdDir: String?

    func run() async throws {
        let addOns = [
            loraModelDir.map { AddOnFolder(path: $0, .lora) },
            embdDir.map { AddOnFolder(path: $0, .embedding) },
        ].compactMap { $0 }
        // A directory that can't be read is said before others take their time.
        let listed = try addOns.map { folder in (folder, try folder.entries()) }
        for entry in try ModelFolder(path: directory).entries() {
            let line = Self.line(entry)
            // Large files take seconds to hash: each line appears when it is known.
            ConsoleStreams.standard.writeOutput(TerminalText.sanitized(line) + "\n")
        }
        for (folder, entries) in listed {
            for entry in entries {
                let hash = (try? folder.shortHash(of: entry)) ?? "–"
                let line = "\(entry.name)  \(hash)  \(folder.kind.rawValue)"
                ConsoleStreams.standard.writeOutput(TerminalText.sanitized(line) + "\n")
            }
        }
    }

    private static func line(_ entry: ModelFolder.Entry) -> String {
        do {
            let model = try entry.open()
            let kind = try ModelKind(of: model)
            let record = ModelRecord(
                name: entry.name, fingerprint: try ModelFingerprint(of: model))
            let size = Double(try model.byteCount()) / 1e9
            return
                "\(entry.name)  \(record.shortHash)  \(String(format: "%.2f", size)) GB  \(kind)"
        } catch {
            // The path is the entry's own.
            let text = "\(error)".replacing(entry.path, with: "").trimmingPrefix {
                $0 == " " || $0 == ":"
            }
            return "\(entry.name)  –  –  \(text.split(separator: "\n").first ?? "")"
        }
    }
}
