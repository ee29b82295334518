// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import FoundationEssentials

/// Tells the values of a command line from its options, where values begin with a hyphen.
///
/// The argument parser takes every word with a hyphen in front for an option: `--seed -1` lacks its
/// value then. Here such a word is joined to the option before it (`--seed=-1`), unless it is an
/// option of the command or spelled like one: `-p --steps 5` still lacks its prompt.
package struct OptionWords: Sendable {
    private var valued: Set<String> = []
    private var flags: Set<String> = []
    private var subcommands: [String: OptionWords] = [:]

    /// Reads the options of a command and its subcommands from their declarations.
    package init(of command: any ParsableArguments.Type) {
        let data = Data(command._dumpHelp().utf8)
        // A parser that describes itself otherwise costs the joining, which tests would tell.
        let tool = try? JSONDecoder().decode(Tool.self, from: data)
        self.init(tool?.command)
    }

    private init(_ command: Tool.Command?) {
        guard let command else { return }
        for argument in command.arguments ?? [] {
            for name in argument.names ?? [] {
                let spelling = (name.kind == "long" ? "--" : "-") + name.name
                if argument.kind == "option" {
                    valued.insert(spelling)
                } else {
                    flags.insert(spelling)
                }
            }
        }
        for subcommand in command.subcommands ?? [] {
            let options = OptionWords(subcommand)
            for name in [subcommand.commandName] + (subcommand.aliases ?? []) {
                subcommands[name] = options
            }
        }
    }

    /// The words with values that begin with a hyphen joined to their options.
    package func joined(_ words: [String]) -> [String] {
        guard let first = words.first else { return [] }
        if let subcommand = subcommands[first] {
            return [first] + subcommand.joined(Array(words.dropFirst()))
        }
        var result: [String] = []
        var position = 0
        while position < words.count {
            let word = words[position]
            guard word != "--" else { break }
            position += 1
            guard position < words.count, let option = optionInNeed(word),
                isValue(words[position])
            else {
                result.append(word)
                continue
            }
            result += option.flags + ["\(option.name)=\(words[position])"]
            position += 1
        }
        return result + words[position...]
    }

    /// The option that takes the next word as its value, after the flags of its cluster (`-qs`).
    private func optionInNeed(_ word: String) -> (flags: [String], name: String)? {
        if valued.contains(word) { return ([], word) }
        guard let letters = cluster(word), let last = letters.last, valued.contains(last) else {
            return nil
        }
        return (letters.dropLast(), last)
    }

    /// The options of a word such as `-qs`: flags, and perhaps an option at the end.
    private func cluster(_ word: String) -> [String]? {
        guard word.count > 1, word.hasPrefix("-"), !word.hasPrefix("--") else { return nil }
        let letters = word.dropFirst().map { "-\($0)" }
        guard letters.dropLast().allSatisfy(flags.contains), let last = letters.last,
            flags.contains(last) || valued.contains(last)
        else { return nil }
        return letters
    }

    /// Whether a word begins with a hyphen and is no option all the same.
    private func isValue(_ word: String) -> Bool {
        guard word.hasPrefix("-"), word != "-", word != "--" else { return false }
        let name = String(word.prefix { $0 != "=" })
        if valued.contains(name) || flags.contains(name) || cluster(word) != nil { return false }
        if word.hasPrefix("--") { return !Self.isSpelledAsOption(name.dropFirst(2)) }
        // `-b4` is a slip for `-b 4`.
        let rest = word.dropFirst(2)
        let isSlip =
            valued.contains(String(word.prefix(2))) && !rest.isEmpty
            && rest.allSatisfy { $0.isASCII && $0.isNumber }
        return !isSlip
    }

    /// Letters, digits and hyphens, a letter in front: a spelling error rather than a text.
    private static func isSpelledAsOption(_ name: Substring) -> Bool {
        guard let first = name.first, first.isASCII, first.isLetter else { return false }
        return name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
    }
}

/// What we need of the parser's description of a command.
private struct Tool: Decodable {
    struct Command: Decodable {
        var commandName: String
        var aliases: [String]?
        var subcommands: [Command]?
        var arguments: [Argument]?
    }

    struct Argument: Decodable {
        var kind: String
        var names: [Name]?
    }

    struct Name: Decodable {
        var kind: String
        var name: String
    }

    var command: Command
}
