// SPDX-License-Identifier: Apache-2.0

import Foundation
import StableDiffusion
import Testing

@Suite struct CLIPTokenizerTests {
    struct Golden: Decodable {
        struct Case: Decodable {
            var text: String
            var ids: [Int32]
            var removed: String?
        }
        struct Set: Decodable {
            var name: String
            var source: String
            var files: [String: String]
            /// Changes of the folder's files, or `null` for an omitted file.
            var patches: [String: JSONPatch]
            var padId: Int32
            var padsLeft: Bool
            var cases: [Case]
        }
        var sets: [Set]
    }

    /// The embedded model's tokenizer, or a folder of the goldens.
    private func folder(_ source: String) throws -> URL {
        guard source == "postcards" else { return try Goldens.folder(source) }
        var root = URL(filePath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root.appending(path: "Sources/EmbeddedModel/Resources/postcards/tokenizer")
    }

    /// A copy of a folder's vocabulary and merges with other configuration files.
    private func scratch(
        _ source: String, _ files: [String: String], _ patches: [String: JSONPatch] = [:]
    ) throws -> URL {
        let scratch = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer {
            for (name, text) in files {
                try? Data(text.utf8).write(to: scratch.appending(path: name))
            }
        }
        guard source != "tokenizer-whole" else {
            for name in ["tokenizer.json", "tokenizer_config.json"] {
                let data = try Data(contentsOf: folder(source).appending(path: name))
                guard let patch = patches[name] else {
                    try data.write(to: scratch.appending(path: name))
                    continue
                }
                let patched = patch.applied(to: try JSONSerialization.jsonObject(with: data))
                if let patched {
                    try JSONSerialization.data(withJSONObject: patched)
                        .write(to: scratch.appending(path: name))
                }
            }
            return scratch
        }
        for name in ["vocab.json", "merges.txt"] where files[name] == nil {
            try FileManager.default.copyItem(
                at: folder(source).appending(path: name), to: scratch.appending(path: name))
        }
        return scratch
    }

    @Test(arguments: [
        "postcards", "bytes", "bare", "objects", "all-objects", "decoder-sd2", "short",
        "additional", "whole", "whole-other-parts", "whole-left", "whole-left-overridden",
        "whole-decoder", "whole-map", "whole-added", "whole-beside-older", "whole-short",
        "whole-alone",
    ])
    func idsEqualTransformers(set name: String) throws {
        let golden = try Goldens.decode(Golden.self, from: "tokenizer.json")
        let set = try #require(golden.sets.first { $0.name == name })
        let isOriginal = set.files.isEmpty && set.patches.isEmpty
        let directory =
            try isOriginal ? folder(set.source) : scratch(set.source, set.files, set.patches)
        defer { if !isOriginal { try? FileManager.default.removeItem(at: directory) } }
        let tokenizer = try CLIPTokenizer(directory: directory)
        #expect(tokenizer.paddingID == set.padId)
        for item in set.cases {
            let prompt = tokenizer.encode(item.text)
            let padding = Array(
                repeating: set.padId,
                count: tokenizer.configuration.modelMaxLength - item.ids.count)
            let expected = set.padsLeft ? padding + item.ids : item.ids + padding
            #expect(prompt.ids == expected, "\(name): \(item.text.debugDescription.prefix(200))")
            #expect(prompt.removedText == item.removed, "\(item.text.debugDescription.prefix(200))")
            #expect((prompt.truncationWarning != nil) == (item.removed != nil))
        }
        if name == "postcards" { #expect(set.cases.count >= 300) }
    }

    /// Before version 0.20 the library wrote merges as strings.
    @Test func mergesMayBeTexts() throws {
        let original = try CLIPTokenizer(directory: folder("tokenizer-whole"))
        let directory = try scratch("tokenizer-whole", [:])
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "tokenizer.json")
        var json = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        var model = try #require(json["model"] as? [String: Any])
        let merges = try #require(model["merges"] as? [[String]])
        #expect(merges.count > 400)
        model["merges"] = merges.map { $0.joined(separator: " ") }
        json["model"] = model
        try JSONSerialization.data(withJSONObject: json).write(to: file)
        let tokenizer = try CLIPTokenizer(directory: directory)
        for text in ["a red lighthouse at night", "<x> in the snow", "naïve café 👍"] {
            #expect(tokenizer.encode(text) == original.encode(text))
        }
    }

    @Test func aLongWordTakesNoLongerThanManyShortOnes() throws {
        let tokenizer = try CLIPTokenizer(directory: folder("postcards"))
        let clock = ContinuousClock()
        for text in [String(repeating: "a", count: 65536), String(repeating: "the", count: 21845)] {
            let time = clock.measure { _ = tokenizer.encode(text) }
            // About 20 ms; a quadratic encoder takes half a minute.
            #expect(time < .seconds(2))
        }
    }

    @Test func aFullSizedVocabularyLoads() throws {
        var vocabulary: [String: Int] = [:]
        var merges = ["#version: 0.2"]
        let letters = "abcdefghijklmnopqrstuvwxyz".map(String.init)
        for letter in letters {
            vocabulary[letter] = vocabulary.count
            vocabulary[letter + "</w>"] = vocabulary.count
        }
        for first in letters {
            for second in letters {
                merges.append("\(first) \(second)")
                vocabulary[first + second] = vocabulary.count
            }
        }
        for first in letters {
            for second in letters {
                for third in letters {
                    for end in ["", "</w>"] {
                        guard vocabulary.count < 35_000 else { continue }
                        merges.append("\(first)\(second) \(third)\(end)")
                        vocabulary[first + second + third + end] = vocabulary.count
                    }
                }
            }
        }
        for id in vocabulary.count..<49_406 { vocabulary["filler\(id)"] = id }
        vocabulary["<|startoftext|>"] = 49_406
        vocabulary["<|endoftext|>"] = 49_407
        let json = try JSONEncoder().encode(vocabulary)
        let directory = try scratch(
            "postcards",
            [
                "vocab.json": String(decoding: json, as: UTF8.self),
                "merges.txt": merges.joined(separator: "\n"),
            ])
        defer { try? FileManager.default.removeItem(at: directory) }
        let tokenizer = try CLIPTokenizer(directory: directory)
        #expect(tokenizer.idCount == 49_408)
        let prompt = tokenizer.encode("cat Dogs")
        let words = try ["cat</w>", "dog", "s</w>"].map { Int32(try #require(vocabulary[$0])) }
        #expect(Array(prompt.ids.prefix(5)) == [49_406] + words + [49_407])
        #expect(prompt.ids.count == 77)
        #expect(prompt.ids.last == 49_407)
    }

    @Test func brokenFilesGiveOneClearError() throws {
        func error(_ files: [String: String]) throws -> TokenizerError? {
            let directory = try scratch("postcards", files)
            defer { try? FileManager.default.removeItem(at: directory) }
            do throws(TokenizerError) {
                _ = try CLIPTokenizer(directory: directory)
                return nil
            } catch { return error }
        }
        func message(_ files: [String: String]) throws -> String {
            try #require(try error(files)).description
        }
        let noVocabulary = "vocab.json is not a CLIP vocabulary"
        #expect(try message(["vocab.json": "{\"a\": 1"]).contains(noVocabulary))
        #expect(try message(["vocab.json": "[1, 2]"]).contains(noVocabulary))
        #expect(try message(["vocab.json": "{\"a\": \"b\"}"]).contains("a: "))
        #expect(try message(["vocab.json": "{\"a\": -3}"]).contains("has id -3"))
        #expect(try message(["merges.txt": "#version: 0.2\nt h\nth e x\n"]).contains("line 3"))
        #expect(try message(["merges.txt": "t h\nth\n"]).contains("line 2: \"th\" is not a merge"))
        #expect(
            try message(["merges.txt": "t h\nq zq\n"])
                .contains("line 2: \"zq\" is not in the vocabulary"))
        #expect(
            try message(["tokenizer_config.json": "{\"pad_token\": \"<pad>\"}"])
                .contains("the padding token \"<pad>\" is not in the vocabulary"))
        #expect(
            try message(["tokenizer_config.json": "{\"pad_token\": 7}"])
                .contains("tokenizer_config.json can't be understood: pad_token"))
        #expect(
            try message(["tokenizer_config.json": "{\"model_max_length\": 1}"])
                .contains("model_max_length is 1"))
        #expect(try error(["tokenizer_config.json": "{\"model_max_length\": 1e30}"]) == nil)
        #expect(
            try message(["tokenizer_config.json": "{\"truncation_side\": \"up\"}"])
                .contains("truncation_side is \"up\""))
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 862328\n"
        for name in ["vocab.json", "merges.txt", "tokenizer_config.json", "tokenizer.json"] {
            #expect(try message([name: pointer]).contains("\(name) is a Git LFS pointer"))
        }
        // tokenizer.json takes precedence over older files beside it.
        func whole(_ model: String) throws -> String {
            try message(["tokenizer.json": "{\"added_tokens\": [], \"model\": \(model)}"])
        }
        #expect(try whole("{\"type\": \"WordPiece\", \"vocab\": {}}").contains("\"WordPiece\""))
        #expect(try whole("{\"vocab\": {\"a\": 0}}").contains("merges is missing"))
        #expect(
            try whole("{\"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}")
                .contains("merge 1: \"b\" is not in the vocabulary"))
        #expect(
            try whole("{\"vocab\": {\"a\": 0}, \"merges\": [[\"a\"]]}")
                .contains("merge 1: \"a\" is not a merge"))
        #expect(
            try whole("{\"vocab\": {\"a\": 2147483647}, \"merges\": []}")
                .contains("has id 2147483647"))
        #expect(
            try message(["tokenizer.json": "{\"model\": {\"vocab\": {}, \"merges\": []}}"])
                .contains("added_tokens is missing"))
    }

    @Test func theWarningQuotesTheTruncatedPart() throws {
        let tokenizer = try CLIPTokenizer(directory: folder("postcards"))
        let prompt = tokenizer.encode(String(repeating: "a ", count: 75) + "red lighthouse")
        let warning = try #require(prompt.truncationWarning)
        #expect(warning.contains("reads 77 tokens"))
        #expect(warning.contains("\"red lighthouse\""))
        #expect(prompt.tokenCount == 77)
        #expect(prompt.ids.last == tokenizer.endOfTextID)
        #expect(tokenizer.encode("red lighthouse").truncationWarning == nil)
        let endless = tokenizer.encode(String(repeating: "tree ", count: 5000))
        #expect(try #require(endless.truncationWarning).count < 400)
    }

    @Test func missingFilesAreNamed() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        #expect {
            try CLIPTokenizer(directory: directory)
        } throws: { "\($0)".contains("vocab.json: there is no such file") }
    }
}

/// A change of JSON, RFC 7386's merge patch.
indirect enum JSONPatch: Decodable {
    case object([String: JSONPatch])
    case value(any Sendable)
    case removal

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .removal
        } else if let object = try? container.decode([String: JSONPatch].self) {
            self = .object(object)
        } else if let flag = try? container.decode(Bool.self) {
            self = .value(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .value(number)
        } else {
            self = .value(try container.decode(String.self))
        }
    }

    /// The changed value; `nil` if there is none.
    func applied(to value: Any?) -> Any? {
        switch self {
        case .removal: return nil
        case .value(let value): return value
        case .object(let changes):
            var object = value as? [String: Any] ?? [:]
            for (key, change) in changes { object[key] = change.applied(to: object[key]) }
            return object
        }
    }
}
