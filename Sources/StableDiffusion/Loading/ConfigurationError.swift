// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A model directory or a configuration in it that can't be used.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The file or directory that is at fault.
    package let path: String
    /// What is wrong with it.
    package let problem: ConfigurationProblem

    package init(path: String, problem: ConfigurationProblem) {
        self.path = path
        self.problem = problem
    }

    package var description: String { "\(path): \(problem)" }
}

/// What can be wrong with a configuration, apart from where it is.
package enum ConfigurationProblem: Error, Equatable, CustomStringConvertible {
    /// Nothing where a model should be.
    case missingModel
    /// No such directory.
    case missingDirectory
    /// No such file.
    case missingFile
    /// Not the JSON that it should be.
    case notReadable(reason: String)
    /// Another file than this process has read before.
    case changed
    /// A pointer of Git LFS in the file's place.
    case gitLFSPointer
    /// A value that stands for something this program does not do.
    case unsupported(key: String, value: String, supported: [String])
    /// A pipeline whose pictures other programs than this one draw.
    case unsupportedPipeline(name: String, supported: [String])
    /// A value that can't be right.
    case invalid(key: String, value: String, reason: String)
    /// Settings that the model's user wrote and that can't be followed.
    case unusableSettings(String)

    package var description: String {
        switch self {
        case .missingDirectory:
            """
            no such directory; a model is a directory in diffusers' layout with unet/, vae/, \
            text_encoder/, tokenizer/ and scheduler/
            """
        case .missingModel:
            """
            no such file or directory; a model is a .safetensors file, or a directory in \
            diffusers' layout with unet/, vae/, text_encoder/, tokenizer/ and scheduler/
            """
        case .missingFile:
            "no such file; copy the whole model directory, with its .json files"
        case .notReadable(let reason):
            "\(reason); copy or download it again"
        case .changed:
            """
            the file was changed since this program first read it: what it says now belongs to \
            another model; start the program again
            """
        case .gitLFSPointer: "the file \(GitLFSPointer.explanation)"
        case .unsupported(let key, let value, let supported):
            """
            "\(key)" is \(value), which is not supported; supported: \
            \(supported.joined(separator: ", ")). Use a Stable Diffusion 1.x or 2.x model
            """
        case .unsupportedPipeline(let name, let supported):
            """
            the model is made for "\(name)", which is not supported; supported: \
            \(supported.joined(separator: ", ")). Use a Stable Diffusion 1.x or 2.x model; to draw \
            what its U-Net, VAE and text encoder make by themselves, write \
            "\(supported[0])" there
            """
        case .invalid(let key, let value, let reason):
            "\"\(key)\" is \(value), but \(reason); copy or download the file again"
        case .unusableSettings(let reason): "\(reason); correct it, or remove the file"
        }
    }
}
