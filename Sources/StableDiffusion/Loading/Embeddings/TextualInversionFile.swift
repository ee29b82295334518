// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A textual inversion's file: the vectors that a text encoder takes in place of tokens'.
///
/// A1111 writes them as `emb_params`, diffusers under the token; in either case it is the file's only
/// tensor, `[vectors, width]` or `[width]`.
struct TextualInversionFile {
    /// `[vectors, width]` or `[width]`.
    let vectors: StoredTensor
    /// Vectors, each in the place of a token.
    var vectorCount: Int { vectors.shape.count == 1 ? 1 : vectors.shape[0] }

    /// Longest header; such a file has one tensor.
    private static let headerByteCountMax = 4 << 20
    /// Places of a prompt between its beginning and its end.
    private static let vectorCountMax = 75

    /// Opens a file and reads its values once.
    ///
    /// - Parameter width: of the text encoder.
    /// - Throws: `TextualInversionError`, `SingleFileError`, `SafeTensorsError`,
    ///   `ConfigurationError`.
    init(path: String, width: Int, noting files: ModelFileLedger) throws {
        let file = try SingleFileModel.open(
            path, files, headerByteCountMax: Self.headerByteCountMax)
        do throws(TextualInversionProblem) {
            vectors = try Self.vectors(in: file, width)
        } catch {
            throw TextualInversionError(path: path, problem: error)
        }
        _ = try vectors.finiteFloats()
    }

    private static func vectors(
        in file: SafeTensorsFile, _ width: Int
    ) throws(TextualInversionProblem) -> StoredTensor {
        if file["clip_l"] != nil, file["clip_g"] != nil { throw .otherModel("SDXL") }
        guard file.tensorCount == 1, let vectors = file[file.names[0]],
            (1...2).contains(vectors.shape.count), vectors.scalarType.isReadableAsFloat
        else { throw .noInversion(keys: file.names) }
        guard vectors.shape.last == width else {
            let found = vectors.shape.last ?? 0
            let known = [768: "Stable Diffusion 1.x", 1024: "Stable Diffusion 2.x", 1280: "SDXL"]
            throw .width(found, wanted: width, model: known[found])
        }
        let count = vectors.elementCount / width
        guard (1...vectorCountMax).contains(count) else {
            throw .vectorCount(count, maximum: vectorCountMax)
        }
        return vectors
    }
}

/// A textual inversion that can't be used with the model.
package struct TextualInversionError: Error, Equatable, CustomStringConvertible {
    /// The file.
    package let path: String
    /// What is wrong with it.
    package let problem: TextualInversionProblem

    package var description: String { "\(path) \(problem)" }
}

/// What can be wrong with a textual inversion, apart from where it is.
package enum TextualInversionProblem: Error, Equatable, CustomStringConvertible {
    /// Something else than one tensor of vectors.
    case noInversion(keys: [String])
    /// Vectors for another kind of model.
    case otherModel(String)
    /// Vectors of another width than the text encoder's.
    case width(Int, wanted: Int, model: String?)
    /// More vectors than a prompt has places, or none.
    case vectorCount(Int, maximum: Int)
    /// A name without a word, or the words of another one.
    case name(String)

    private static let listedMax = 3

    package var description: String {
        switch self {
        case .noInversion(let keys):
            """
            is no textual inversion, which is one tensor of vectors; it has \
            \(keys.count) tensors\(keys.isEmpty ? "" : " (")\
            \(keys.prefix(Self.listedMax).joined(separator: ", "))\(keys.isEmpty ? "" : ")"); move it \
            out of --embd-dir
            """
        case .otherModel(let model):
            "is a textual inversion for \(model); move it out of --embd-dir"
        case .width(let found, let wanted, let model):
            """
            is a textual inversion for text of width \(found)\(model.map { " (\($0))" } ?? ""); this \
            model's is \(wanted) wide; move it out of --embd-dir
            """
        case .vectorCount(let count, let maximum):
            "has \(count) vectors; a prompt has places for 1 to \(maximum)"
        case .name(let reason): "can't be named in a prompt: \(reason); rename it"
        }
    }
}
