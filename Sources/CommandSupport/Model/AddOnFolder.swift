// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import StableDiffusion

/// A directory of files that are added to a model and chosen by name.
package struct AddOnFolder: Sendable {
    /// What is in it.
    package enum Kind: String, Sendable {
        case lora = "LoRA"
        case embedding = "textual inversion"

        var option: String { self == .lora ? "--lora-model-dir" : "--embd-dir" }
    }

    /// Where it is.
    package let path: String
    /// What is in it.
    package let kind: Kind

    /// Names a directory.
    package init(path: String, _ kind: Kind) {
        self.path = path
        self.kind = kind
    }

    /// Its `.safetensors` files, by name; nothing is opened.
    ///
    /// - Throws: `AddOnFolderError`.
    package func entries() throws(AddOnFolderError) -> [ModelFolder.Entry] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw .unreadable(path: path, kind)
        }
        return names.filter { $0.hasSuffix(ModelFolder.suffix) && !$0.hasPrefix(".") }.sorted()
            .map { file in
                ModelFolder.Entry(
                    name: String(file.dropLast(ModelFolder.suffix.count)), path: "\(path)/\(file)")
            }
    }

    /// The digits by which A1111 and the pictures' metadata know a file.
    ///
    /// - Throws: `ConfigurationError`.
    package func shortHash(of entry: ModelFolder.Entry) throws -> String {
        let files = ModelFileLedger()
        let digest = try files.digest(ofFile: entry.path, behindHeader: kind == .lora)
        return String(Hexadecimal.text(digest).prefix(12))
    }

    /// The path of a file.
    ///
    /// The name is compared with those that there are, and never part of a path.
    /// - Throws: `AddOnFolderError`.
    package func path(of name: String) throws(AddOnFolderError) -> String {
        let entries = try entries()
        guard let entry = entries.first(where: { $0.name == name }) else {
            throw .unknown(path: path, kind, name: name, known: entries.map(\.name))
        }
        return entry.path
    }
}

/// Why a file can't be chosen by name.
package enum AddOnFolderError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, AddOnFolder.Kind)
    case unknown(path: String, AddOnFolder.Kind, name: String, known: [String])

    private static let listedMax = 12

    package var description: String {
        switch self {
        case .unreadable(let path, let kind):
            "\(kind.option) \(path): there is no such directory, or it can't be read"
        case .unknown(let path, let kind, let name, let known):
            known.isEmpty
                ? "\(path) has no \(kind.rawValue)s, that is, no .safetensors files"
                : """
                \(path) has no \(kind.rawValue) named \(name); it has \
                \(known.prefix(Self.listedMax).joined(separator: ", "))\
                \(known.count > Self.listedMax ? ", …" : "")
                """
        }
    }
}
