// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Evaluation
import Foundation
import GenerationTypes
import ImageCodec
import SafeTensors
import TensorKit
import TestSupport
import Testing

/// Metrics of real models against pytorch-fid, transformers, lpips and Pillow, with random weights
/// (scripts/goldens/standard_metrics.py).
@Suite("Standard metrics")
struct StandardMetricTests {
    private static let goldens = GoldenFiles(of: .module)

    private func golden(_ name: String) throws -> (shape: [Int], values: [Float]) {
        let tensor = try Self.goldens.tensors("standard/metrics.safetensors").tensor(name)
        return (tensor.shape, try tensor.floats())
    }

    private func bytes(_ name: String) throws -> [UInt8] {
        try Self.goldens.tensors("standard/metrics.safetensors").tensor(name).bytes()
    }

    private func pictures(_ count: Int) throws -> [RGBImage] {
        let folder = try PictureFolder(path: try Self.goldens.path("judge"))
        return try folder.numbers.prefix(count).map { try folder.contents(of: $0).image }
    }

    private let compute = ComputeConfiguration(threadCount: 2)

    /// Largest difference, relative to the largest value.
    private func difference(_ found: [Float], _ expected: some Sequence<Float>) -> Float {
        let expected = Array(expected)
        guard found.count == expected.count else { return .infinity }
        let largest = expected.map(\.magnitude).max() ?? 0
        return (zip(found, expected).map { ($0 - $1).magnitude }.max() ?? .infinity) / largest
    }

    @Test(arguments: InceptionNetwork.Preparation.allCases)
    func inceptionMatchesTheReference(_ preparation: InceptionNetwork.Preparation) throws {
        let folder = try TemporaryDirectory()
        let path = "\(folder.path)/inception.safetensors"
        try RandomWeights.inception.write(to: path)
        let network = try InceptionNetwork(
            path: path, preparation: preparation, compute: compute)
        let (shape, expected) = try golden("inception_\(preparation.rawValue)")
        let count = preparation == .legacy ? shape[0] : 2
        let features = try pictures(count).map { network.features(of: $0) }
        for (index, found) in features.enumerated() {
            let row = expected[index * shape[1]..<(index + 1) * shape[1]]
            #expect(difference(found, row) <= 1e-4, "picture \(index)")
        }
        guard preparation == .legacy else { return }
        let distance = PictureStatistics(Array(features.prefix(count / 2)))
            .frechetDistance(to: PictureStatistics(Array(features.suffix(count / 2))))
        let known = Double(try golden("inception_fid").values[0])
        #expect(abs(distance - known) <= 1e-3 * known, "\(distance), not \(known)")
    }

    @Test(arguments: ["alex", "vgg"])
    func perceptualDistancesMatchTheReference(_ net: String) throws {
        let folder = try TemporaryDirectory()
        let path = "\(folder.path)/lpips.safetensors"
        try RandomWeights.perceptual(net).write(to: path)
        let network = try PerceptualNetwork(path: path, compute: compute)
        let pictures = try pictures(3)
        let expected = try golden("lpips_\(net)").values
        for (index, known) in expected.enumerated() {
            let found = try network.distance(pictures[0], pictures[index + 1])
            #expect(abs(found - Double(known)) <= 1e-4 * Double(known), "\(found), not \(known)")
        }
        #expect(try network.distance(pictures[0], pictures[0]) == 0)
        #expect(throws: ImageCodecError.self) {
            try network.distance(pictures[0], RGBImage(width: 64, height: 64))
        }
    }

    @Test func clipEmbeddingsMatchTheReference() throws {
        let folder = try TemporaryDirectory()
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(
                atPath: try Self.goldens.path("standard/clip/\(name)"),
                toPath: "\(folder.path)/\(name)")
        }
        let tokenizer = try EmbeddedModel.directory() + "/tokenizer"
        for name in try FileManager.default.contentsOfDirectory(atPath: tokenizer) {
            try FileManager.default.copyItem(
                atPath: "\(tokenizer)/\(name)", toPath: "\(folder.path)/\(name)")
        }
        let clip = try CLIPNetwork(directory: folder.path, compute: compute)
        let (shape, expected) = try golden("clip_pictures")
        let pictures = try pictures(2)
        let wide = pictures[1].cropped(x: 0, y: 30, width: 250, height: 170)
        for (index, picture) in [pictures[0], wide].enumerated() {
            let row = expected[index * shape[1]..<(index + 1) * shape[1]]
            #expect(difference(clip.embedding(of: picture), row) <= 1e-4, "picture \(index)")
        }
        let texts = try golden("clip_captions").values
        let captions = ["a red house", "a palm tree on the beach at night", ""]
        for (index, caption) in captions.enumerated() {
            let row = texts[index * shape[1]..<(index + 1) * shape[1]]
            #expect(difference(try clip.embedding(of: caption), row) <= 1e-4, "\(caption)")
        }
    }

    @Test func scalingMatchesPillow() throws {
        let picture = try pictures(1)[0]
        let (shape, expected) = try golden("scaled")
        #expect(shape == [301, 37, 3])
        let scaled = PictureScaling.bicubic.scaled(picture, width: 37, height: 301)
        #expect(difference(scaled, expected) < 1e-6)
        let inBytes = PictureScaling.bicubic.scaledToBytes(picture, width: 37, height: 301)
        #expect(inBytes.bytes == (try bytes("scaled_bytes")))
    }

    @Test(arguments: ["colour", "full", "progressive", "grey", "inks"])
    func jpegIsReadAsPillowReadsIt(_ kind: String) throws {
        let path = try Self.goldens.path("standard/\(kind).jpg")
        let data = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let image = try PictureFile.decode(data)
        #expect(image.width == 45 && image.height == 37)
        #expect(image.bytes == (try bytes("jpeg_\(kind)")))
        // A file that ends early is an error, not a grey picture.
        for length in [2, 20, data.count / 2, data.count - 20] {
            #expect(throws: ImageCodecError.self) {
                try JPEG.decode(Array(data.prefix(length)))
            }
        }
    }

    @Test func damagedJPEGsAreTypedErrorsOrPictures() throws {
        let path = try Self.goldens.path("standard/progressive.jpg")
        let data = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var random = SplitMix64(seed: 3)
        for _ in 0..<2000 {
            var bytes = data
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            _ = try? PictureFile.decode(bytes)
        }
        #expect(throws: ImageCodecError.notJPEG) { try JPEG.decode([]) }
        #expect(throws: ImageCodecError.notJPEG) { try JPEG.decode(Array("PNG".utf8)) }
    }

    @Test func aFileOfOtherWeightsIsNamed() throws {
        let folder = try TemporaryDirectory()
        let path = "\(folder.path)/w.safetensors"
        var writer = SafeTensorsWriter()
        writer.add("x", shape: [1], values: [1])
        try writer.write(to: path)
        let error = #expect(throws: EvidenceError.self) {
            try PerceptualNetwork(path: path, compute: compute)
        }
        #expect(error?.description.contains("scripts/convert_lpips.py") == true)
        #expect(throws: (any Error).self) {
            try InceptionNetwork(path: path, preparation: .clean, compute: compute)
        }
    }

    @Test func pictureTreesListTheFirstOfEachFolder() throws {
        let folder = try TemporaryDirectory()
        for name in ["b/2.JPEG", "b/1.png", "b/3.jpg", "a/9.jpeg", "a/x.txt", "a/.8.png", "0.png"] {
            let url = URL(filePath: "\(folder.path)/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data().write(to: url)
        }
        let names = try PictureTree(path: folder.path + "/", countPerFolder: 2).files
            .map { String($0.dropFirst(folder.path.count + 1)) }
        #expect(names == ["0.png", "a/9.jpeg", "b/1.png", "b/2.JPEG"])
        #expect(throws: EvidenceError.noPictures(path: "\(folder.path)/empty")) {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/empty", withIntermediateDirectories: true)
            _ = try PictureTree(path: "\(folder.path)/empty")
        }
    }
}

extension RGBImage {
    /// A part of the picture.
    fileprivate func cropped(x: Int, y: Int, width: Int, height: Int) -> RGBImage {
        var part = RGBImage(width: width, height: height)
        for row in 0..<height {
            for column in 0..<width { part[column, row] = self[x + column, y + row] }
        }
        return part
    }
}
