// SPDX-License-Identifier: Apache-2.0

/// A file that was given as a model, or as a part of one, and can't be used.
package struct SingleFileError: Error, Equatable, CustomStringConvertible {
    /// The file.
    package let path: String
    /// What is wrong with it.
    package let problem: SingleFileProblem

    package init(path: String, problem: SingleFileProblem) {
        self.path = path
        self.problem = problem
    }

    package var description: String { "\(path) \(problem)" }
}

/// What can be wrong with such a file, apart from where it is.
package enum SingleFileProblem: Error, Equatable, CustomStringConvertible {
    /// A Python pickle.
    case pickle
    /// A file of llama.cpp's family.
    case gguf
    /// Something else than a Stable Diffusion 1.x or 2.x checkpoint.
    case otherKind(String, advice: String)
    /// No VAE in the file, and none beside it.
    case noVAE
    /// The U-Net reads text of a width that no known text encoder writes.
    case textWidth(Int)
    /// Numbers of its keys that make no network.
    case shape(String)
    /// Blocks that no U-Net has in this order.
    case blocks(reason: String)

    package var description: String {
        switch self {
        case .pickle:
            """
            is a Python pickle, which is never loaded because it can run code; take the author's \
            .safetensors file, or convert it in a sandbox with PyTorch's weights_only=True
            """
        case .gguf:
            "is a GGUF file, which is not read; take the .safetensors file that it was made from"
        case .otherKind(let kind, let advice): "is \(kind); \(advice)"
        case .noVAE:
            """
            holds no VAE; give one with --vae FILE (every VAE of Stable Diffusion 1.x and 2.x \
            fits)
            """
        case .textWidth(let width):
            """
            is no Stable Diffusion 1.x or 2.x checkpoint: its U-Net reads text of width \(width), \
            not 768 or 1024; for a model of another shape give the directory of its JSON files \
            with --model-config DIR
            """
        case .shape(let problem):
            """
            has weights of a shape that is not supported: \(problem); for a model of another \
            shape give the directory of its JSON files with --model-config DIR
            """
        case .blocks(let reason):
            """
            has a U-Net whose blocks can't be told apart: \(reason); download it again, or take \
            another version of the model
            """
        }
    }
}
