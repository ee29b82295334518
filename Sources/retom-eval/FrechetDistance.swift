// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import Evaluation
import GenerationTypes
import ImageCodec
import Requests

/// Measures how far the embedded model's pictures as a whole are from others.
struct FrechetDistance: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fid",
        abstract: "Scores the embedded model: the Fréchet distance of two sets of pictures.",
        discussion: """
              retom-eval fid out/attributes             # to 2,000 renders
              retom-eval fid out/merged out/attributes

            The squared Fréchet distance between the mini-CLIP's embeddings of the pictures in a \
            directory and those of the training scenes, or of another directory; 0 for the \
            same pictures. Few pictures make it larger: compare distances of equally many. It is \
            not Inception's FID, and not comparable with it.
            """)

    @Argument(help: ArgumentHelp("Pictures, two or more.", valueName: "directory"))
    var directory: String

    @Argument(
        help: ArgumentHelp(
            "Pictures to compare with (default: renders not used for training).",
            valueName: "reference"))
    var reference: String?

    @OptionGroup(title: "Computing") var compute: ComputeOptions

    func run() throws {
        let folders = try ([directory] + (reference.map { [$0] } ?? [])).map { path in
            let folder = try PictureFolder(path: path)
            guard folder.numbers.count > 1 else {
                throw ValidationError("\(path) has one picture: the distance needs two or more")
            }
            return folder
        }
        let clip = try MiniCLIP(embedded: compute.configuration)
        let statistics = try folders.map { folder in
            PictureStatistics(
                try folder.numbers.map { number in
                    let image = try folder.contents(of: number).image
                    return try clip.embedding(of: image, number, in: folder)
                })
        }
        let other = statistics.count > 1 ? statistics[1] : clip.reference
        let distance = TerminalText.decimal(
            max(0, statistics[0].frechetDistance(to: other)), digits: 3)
        print(
            "\(directory): \(distance) (\(statistics[0].count) pictures) to "
                + "\(reference ?? "renders") (\(other.count))")
    }
}
