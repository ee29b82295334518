// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Parses the list of workers.
///
/// One worker per line: `host`, `host:port`, `[v6]` or `[v6]:port`, then optional `key=value`
/// words. `#` begins a comment; blank lines are skipped.
package enum HostsFile {
    /// Parses the bytes of a file.
    ///
    /// - Parameter name: what errors call the file.
    /// - Throws: all problems at once, each with its line.
    package static func parse(
        _ bytes: [UInt8], name: String
    ) throws(HostsFileError) -> [WorkerAddress] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw HostsFileError(
                fileName: name, problems: [.init(line: 0, text: "it is not UTF-8 text")])
        }
        return try parse(text, name: name)
    }

    /// Parses text.
    ///
    /// - Parameter name: what errors call the file.
    /// - Throws: all problems at once, each with its line.
    package static func parse(
        _ text: String, name: String
    ) throws(HostsFileError) -> [WorkerAddress] {
        var workers: [WorkerAddress] = []
        var problems: [HostsFileError.Problem] = []
        var lineOfPlace: [String: Int] = [:]
        let withoutMark = text.first == "\u{FEFF}" ? text.dropFirst() : Substring(text)
        let lines = withoutMark.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard let place = words.first else { continue }
            do throws(Mistake) {
                var worker = try address(place)
                worker.options = try options(words.dropFirst())
                let key = "\(worker.host.lowercased()) \(worker.port)"
                if let first = lineOfPlace[key] {
                    throw Mistake(text: "\(worker) is on line \(first) already")
                }
                lineOfPlace[key] = index + 1
                workers.append(worker)
            } catch {
                problems.append(.init(line: index + 1, text: error.text))
            }
        }
        if workers.isEmpty, problems.isEmpty {
            problems.append(.init(line: 0, text: "it names no worker"))
        }
        guard problems.isEmpty else { throw HostsFileError(fileName: name, problems: problems) }
        return workers
    }

    private struct Mistake: Error {
        var text: String
    }

    private static func address(_ word: Substring) throws(Mistake) -> WorkerAddress {
        if word.first == "[" { return try bracketed(word) }
        let parts = word.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else {
            throw Mistake(text: "'\(word)': write an IPv6 address in brackets, as [::1]:7400")
        }
        let host = parts[0]
        let isName = host.utf8.allSatisfy {
            // Letters, digits, '-', '.', '_'.
            (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0)
                || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
        }
        guard !host.isEmpty, isName, host.utf8.count <= 253 else {
            throw Mistake(text: "'\(host)' is no host name or address")
        }
        return WorkerAddress(host: String(host), port: try port(parts.count == 2 ? parts[1] : nil))
    }

    private static func bracketed(_ word: Substring) throws(Mistake) -> WorkerAddress {
        guard let end = word.firstIndex(of: "]") else {
            throw Mistake(text: "'\(word)' lacks its closing bracket")
        }
        let host = String(word[word.index(after: word.startIndex)..<end])
        guard host.contains(":"), (try? SocketAddress(ipAddress: host, port: 1)) != nil else {
            throw Mistake(text: "'\(host)' is no IPv6 address")
        }
        let rest = word[word.index(after: end)...]
        guard rest.isEmpty || rest.first == ":" else {
            throw Mistake(text: "'\(rest)' follows the address; write [\(host)]:port")
        }
        return WorkerAddress(host: host, port: try port(rest.isEmpty ? nil : rest.dropFirst()))
    }

    private static func port(_ word: Substring?) throws(Mistake) -> Int {
        guard let word else { return WorkerAddress.defaultPort }
        guard word.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(word),
            (1...65535).contains(port)
        else { throw Mistake(text: "'\(word)' is no port; choose one from 1 to 65535") }
        return port
    }

    private static func options(_ words: ArraySlice<Substring>) throws(Mistake) -> [String: String]
    {
        var options: [String: String] = [:]
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw Mistake(text: "'\(word)' is not of the form key=value")
            }
            guard options.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw Mistake(text: "'\(parts[0])' is given twice")
            }
        }
        return options
    }
}

/// Everything that is wrong with a hosts file.
package struct HostsFileError: Error, Equatable, CustomStringConvertible {
    /// One mistake.
    package struct Problem: Sendable, Equatable {
        /// Line from 1; 0 for the file as a whole.
        package var line: Int
        /// One sentence.
        package var text: String

        /// Makes a record.
        package init(line: Int, text: String) {
            self.line = line
            self.text = text
        }
    }

    /// As the caller named the file.
    package var fileName: String
    /// In order of lines; not empty.
    package var problems: [Problem]

    /// Makes an error.
    package init(fileName: String, problems: [Problem]) {
        self.fileName = fileName
        self.problems = problems
    }

    /// One line per problem, as compilers write them.
    package var description: String {
        problems.map { problem in
            problem.line == 0
                ? "\(fileName): \(problem.text)" : "\(fileName):\(problem.line): \(problem.text)"
        }.joined(separator: "\n")
    }
}
