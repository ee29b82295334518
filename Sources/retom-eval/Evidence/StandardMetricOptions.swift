// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Evaluation
import ImageCodec
import TensorKit

/// Which networks measure pictures: the embedded model's own, or those that real models are judged
/// by.
struct StandardMetricOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "FID's Inception v3, converted by scripts/convert_inception.py.", valueName: "file"))
    var inception: String?

    @Option(
        help: ArgumentHelp(
            "How pictures are scaled for it: clean as clean-fid, legacy as pytorch-fid.",
            valueName: "clean|legacy"))
    var scaling = InceptionNetwork.Preparation.clean

    @Option(
        help: ArgumentHelp(
            "A CLIP in Hugging Face's layout: config.json, model.safetensors, tokenizer.",
            valueName: "directory"))
    var clip: String?

    @Option(
        help: ArgumentHelp(
            "LPIPS, converted by scripts/convert_lpips.py.", valueName: "file"))
    var lpips: String?

    @Option(
        help: ArgumentHelp(
            "Real pictures, PNG or JPEG, also in folders below.", valueName: "directory"))
    var real: String?

    @Option(
        help: ArgumentHelp(
            "Only the first of each folder, 5 for the paper's 5,000 of ImageNet.",
            valueName: "count"))
    var realPerFolder: Int?

    func validate() throws {
        guard inception == nil else { return }
        for (name, value) in [("--clip", clip), ("--lpips", lpips), ("--real", real)]
        where value != nil {
            throw ValidationError(
                "\(name) needs --inception FILE; convert one with scripts/convert_inception.py")
        }
    }

    /// What measures pictures.
    func meter(_ compute: ComputeConfiguration) throws -> any PictureMeter {
        guard let inception else {
            return EmbeddedPictureMeter(
                clip: try MiniCLIP(embedded: compute), prompts: try AttributePrompt.embedded())
        }
        return StandardPictureMeter(
            inception: try InceptionNetwork(
                path: inception, preparation: scaling, compute: compute),
            clip: try clip.map { try CLIPNetwork(directory: $0, compute: compute) },
            perceptual: try lpips.map { try PerceptualNetwork(path: $0, compute: compute) })
    }

    /// The statistics that distances are measured to: of the renders that come with the mini-CLIP,
    /// or of the real pictures.
    func reference(
        by meter: any PictureMeter, compute: ComputeConfiguration, progress: (String) -> Void
    ) throws -> PictureStatistics {
        guard inception != nil else { return try MiniCLIP(embedded: compute).reference }
        guard let real else {
            throw ValidationError("no reference yet: give a directory of real pictures with --real")
        }
        let files = try PictureTree(path: real, countPerFolder: realPerFolder).files
        guard files.count > 1 else {
            throw ValidationError("\(real) has one picture: a distance needs two or more")
        }
        var features: [[Float]] = []
        for file in files {
            features.append(try meter.features(of: try PictureFolder.read(file).image))
            if features.count.isMultiple(of: 100) || features.count == files.count {
                progress("\(real): \(features.count) of \(files.count) pictures")
            }
        }
        return PictureStatistics(features)
    }
}

extension InceptionNetwork.Preparation: ExpressibleByArgument {}
