// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
import TestSupport
import Testing

/// A temporary directory with running programs; they all end with it.
struct Studio {
    /// A listening worker.
    struct Worker {
        var program: RunningProgram
        var port: Int
        var address: String { "127.0.0.1:\(port)" }
    }

    let directory: TemporaryDirectory
    /// Small pictures, few steps, one thread: the promises do not depend on size.
    static let quick = ["--steps", "2", "-W", "64", "-H", "64", "-t", "1"]

    init() throws { directory = try TemporaryDirectory() }

    /// Starts `retom-coord` with quick settings (later ones override them) and `out` as output.
    func start(
        _ arguments: [String], out: String = "out", input: RunningProgram.Input = .bytes([]),
        preparations: String? = nil
    ) throws -> RunningProgram {
        try RunningProgram(
            "retom-coord",
            // With so few steps workers would decode by default.
            ["-s", "100"] + Self.quick + ["--decode-on", "coordinator", "-o", out] + arguments,
            in: directory, input: input, preparations: preparations)
    }

    /// Runs `retom-coord` to its end.
    func draw(
        _ arguments: String..., out: String = "out", input: RunningProgram.Input = .bytes([]),
        preparations: String? = nil
    ) async throws -> RunningProgram.Ending {
        try await start(arguments, out: out, input: input, preparations: preparations).ending()
    }

    /// Starts `retom-worker` with one thread on a free port.
    func worker(_ arguments: String...) async throws -> Worker {
        let program = try RunningProgram(
            "retom-worker", ["--port", "0", "-t", "1", "--exit-with-parent"] + arguments,
            in: directory, input: .open)
        let prefix = "listening on 127.0.0.1:"
        let line = try await program.line { $0.hasPrefix(prefix) }
        return Worker(program: program, port: try #require(Int(line.dropFirst(prefix.count))))
    }

    /// Writes a hosts file.
    func hosts(_ lines: String..., name: String = "hosts.txt") throws -> String {
        try directory.write(Array(lines.joined(separator: "\n").utf8), to: name)
    }

    /// The bytes of a file of a run.
    func bytes(_ name: String, out: String = "out") throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: directory.file("\(out)/\(name)"))))
    }

    /// The names in a run's directory, sorted; `nil` if there is no directory.
    func names(out: String = "out") -> [String]? {
        try? FileManager.default.contentsOfDirectory(atPath: directory.file(out)).sorted()
    }

    /// `report.json` as read by scripts.
    func report(out: String = "out") throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(try bytes("report.json", out: out)))
                as? [String: Any])
    }

    /// The images of `report.json`.
    func images(out: String = "out") throws -> [[String: Any]] {
        try #require(try report(out: out)["images"] as? [[String: Any]])
    }

    /// A copy of the embedded model with one component that may be changed; the rest are links.
    func model(changing component: String, name: String = "model") throws -> String {
        let source = try EmbeddedModel.directory()
        let copy = directory.file(name)
        try FileManager.default.createDirectory(
            atPath: copy, withIntermediateDirectories: true)
        for item in try FileManager.default.contentsOfDirectory(atPath: source) {
            if item == component {
                try FileManager.default.copyItem(
                    atPath: "\(source)/\(item)", toPath: "\(copy)/\(item)")
            } else {
                try FileManager.default.createSymbolicLink(
                    atPath: "\(copy)/\(item)", withDestinationPath: "\(source)/\(item)")
            }
        }
        return copy
    }
}

/// Events printed by `--json`.
func events(_ output: String) throws -> [[String: Any]] {
    try output.split(separator: "\n").map {
        try #require(
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
    }
}

/// How often `part` is in `text`.
func count(_ part: String, in text: String) -> Int { text.components(separatedBy: part).count - 1 }
