// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Foundation
package import StableDiffusion

/// A directory of models that are chosen by name: checkpoints in one file, and directories in
/// diffusers' layout.
package struct ModelFolder: Sendable {
    /// Where it is.
    package let path: String

    /// Names a directory.
    package init(path: String) { self.path = path }

    /// One model.
    package struct Entry: Sendable, Equatable {
        /// The file's name without `.safetensors`, or the directory's.
        package let name: String
        /// The file or directory.
        package let path: String

        /// Opens it as `--model` does; no weights are read.
        ///
        /// - Throws: what `ModelSelection.open` throws.
        package func open() throws -> any ModelSource {
            try ModelSelection(path: path).open(merges: EmbeddedModel.clipMerges)
        }
    }

    /// What may be a model, by name; nothing is opened.
    ///
    /// - Throws: `ModelFolderError` for a directory that can't be read.
    package func entries() throws(ModelFolderError) -> [Entry] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw .unreadable(path: path)
        }
        return names.sorted().compactMap { file in
            let place = "\(path)/\(file)"
            if file.hasSuffix(Self.suffix) {
                return Entry(name: String(file.dropLast(Self.suffix.count)), path: place)
            }
            let isModel = FileManager.default.fileExists(atPath: "\(place)/unet")
            return isModel ? Entry(name: file, path: place) : nil
        }
    }

    /// The path of a model.
    ///
    /// The name is compared with those that there are, and never part of a path.
    /// - Throws: `ModelFolderError`.
    package func path(of name: String) throws(ModelFolderError) -> String {
        let entries = try entries()
        let found = entries.filter { $0.name == name }
        guard let entry = found.first else {
            throw .unknown(path: path, name: name, known: entries.map(\.name))
        }
        guard found.count == 1 else { throw .ambiguous(path: path, name: name) }
        return entry.path
    }

    /// The ending of a checkpoint's file.
    static let suffix = ".safetensors"
}

/// Why a model can't be chosen by name.
package enum ModelFolderError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String)
    case ambiguous(path: String, name: String)
    case unknown(path: String, name: String, known: [String])

    private static let listedMax = 12

    package var description: String {
        switch self {
        case .unreadable(let path):
            "--model-dir \(path): there is no such directory, or it can't be read"
        case .ambiguous(let path, let name):
            """
            \(path) has a file \(name)\(ModelFolder.suffix) and a directory \(name); rename one of \
            them
            """
        case .unknown(let path, let name, let known):
            known.isEmpty
                ? "\(path) has no models, neither .safetensors files nor directories with a unet/"
                : """
                \(path) has no model named \(name); it has \
                \(known.prefix(Self.listedMax).joined(separator: ", "))\
                \(known.count > Self.listedMax ? ", … (see retom-coord models)" : "")
                """
        }
    }
}
