// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import EmbeddedModel
import Evaluation
import GenerationTypes
import Requests
import TensorKit

/// Measures the similarity of the embedded model's pictures and their prompts.
struct CLIPScore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clip-score",
        abstract: "Scores the embedded model: how similar are pictures and prompts?",
        discussion: """
              retom-eval clip-score out/attributes

            100 times the cosine of the mini-CLIP's embeddings of picture and prompt, at least 0: \
            the mean over a directory's pictures with its 95 % confidence interval. Pictures have \
            names that begin with a number (00017.png), and their text records the prompt. The \
            mini-CLIP knows only the embedded model's scenes.
            """)

    @Argument(help: ArgumentHelp("Directories of pictures.", valueName: "directory"))
    var directories: [String]

    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func run() throws {
        let folders = try directories.map { try PictureFolder(path: $0) }
        let clip = try MiniCLIP(embedded: compute.configuration)
        for folder in folders {
            let scores = try folder.numbers.map { number in
                let (image, prompt) = try folder.captionedPicture(number)
                let picture = try clip.embedding(of: image, number, in: folder)
                return 100 * max(0, MiniCLIP.cosine(picture, try clip.embedding(of: prompt)))
            }
            let mean = MeanInterval(scores)
            var text = "\(folder.path): \(TerminalText.decimal(mean.mean, digits: 2))"
            if !mean.shownHalfWidth.isNaN {
                text += " ± " + TerminalText.decimal(mean.shownHalfWidth, digits: 2)
            }
            print(text + " (\(mean.count) \(mean.count == 1 ? "picture" : "pictures"))")
        }
    }
}

extension MiniCLIP {
    /// The embedded one.
    convenience init(embedded compute: ComputeConfiguration) throws {
        try self.init(
            directory: try EmbeddedModel.clipDirectory(),
            judge: try EmbeddedModel.judgeDirectory(), model: try EmbeddedModel.directory(),
            compute: compute)
    }

    /// A picture's embedding; an error names the picture.
    func embedding(
        of image: RGBImage, _ number: Int, in folder: PictureFolder
    ) throws(AttributePictureError) -> [Float] {
        do {
            return try embedding(of: image)
        } catch {
            throw AttributePictureError(name: "\(folder.path), picture \(number)", cause: error)
        }
    }
}
