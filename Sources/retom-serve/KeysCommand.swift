// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Foundation
import GenerationTypes
import Requests
import Runs

/// Makes, lists and takes back the keys of callers.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retom-serve keys",
        abstract: "Makes, lists and takes back the keys of callers.",
        discussion: """
            A key is shown once, when it is made; the directory keeps its SHA-256. A running \
            service knows of every change at once.
            """,
        version: ProgramVersion.text, subcommands: [Add.self, List.self, Revoke.self])

    /// Which service.
    struct Place: ParsableArguments {
        @Option(help: ArgumentHelp("The service's directory.", valueName: "directory"))
        var state: String
    }

    /// Makes a key.
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a key and prints it.")

        @Argument(help: "What its holder is called.") var name: String
        @Option(help: "The holder's share of the cluster, relative to others.") var weight = 1.0
        @Flag(help: "Let its holder see and end everybody's batches.") var admin = false
        @OptionGroup var place: Place

        func validate() throws {
            guard (0.001...1000).contains(weight) else {
                throw ValidationError("--weight \(weight): choose from 0.001 to 1000")
            }
            guard !name.isEmpty, name.utf8.count <= 64 else {
                throw ValidationError("a name has 1 to 64 bytes")
            }
        }

        func run() throws {
            let key = try ServiceStore.addKey(
                named: name, weight: weight, isAdmin: admin,
                at: WallClock.system.now().timeIntervalSince1970,
                in: place.state)
            ConsoleStreams.standard.writeOutput(key + "\n")
        }
    }

    /// Lists keys.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists keys: name, id, weight, last day of use.")

        @OptionGroup var place: Place

        func run() throws {
            for key in try ServiceStore.keys(in: place.state) {
                let day = key.usedAt.map {
                    String(Date(timeIntervalSince1970: $0).ISO8601Format().prefix(10))
                }
                let line =
                    "\(key.name)  \(key.id)  \(key.weight)\(key.isAdmin ? "  admin" : "")  "
                    + (day ?? "never used")
                ConsoleStreams.standard.writeOutput(TerminalText.sanitized(line) + "\n")
            }
        }
    }

    /// Takes a key back.
    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Takes a key back.")

        @Argument(help: "What its holder is called.") var name: String
        @OptionGroup var place: Place

        func run() throws { try ServiceStore.revokeKey(named: name, in: place.state) }
    }
}
