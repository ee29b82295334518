// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import GenerationTypes
import SafeTensors
import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// TAESD: pictures against diffusers' `AutoencoderTiny`, the two layouts of its files, bands.
@Suite struct TinyDecoderParityTests {
    /// Relative L2 of a picture in f32; the difference is the order of sums.
    static let bound = 1e-5
    /// Least PSNR of a picture in bf16, dB.
    static let bfloat16SignalToNoise = 40.0

    private typealias Subject = VAESubject<AutoencoderTiny>

    private static func path() throws -> String {
        try Goldens.path("taesd/vae/diffusion_pytorch_model.safetensors")
    }

    private static func embedded() throws -> ModelDirectory {
        try ModelDirectory(path: try EmbeddedModel.directory())
    }

    private func subject(_ machine: Machine) throws -> Subject {
        try Subject(goldens: "taesd", machine) { backend in
            let model = try ModelDirectory(path: try Goldens.path("taesd"))
            let vae = try model.autoencoder(
                backend: backend, team: ThreadTeam(threadCount: 1))
            return try #require(vae as? AutoencoderTiny)
        }
    }

    @Test(arguments: Machine.float32)
    func float32(_ machine: Machine) throws {
        let subject = try subject(machine)
        for name in subject.cases {
            let layers = LayerComparison(
                try subject.goldens.layers("vae.\(name).layer."), bound: Self.bound)
            let image = try subject.decode(name, plan: .inOnePiece, observer: layers.check)
            let error = relativeL2(image, try subject.expected(name))
            #expect(error <= Self.bound, "\(layers.firstDifference ?? "the last level differs")")
            #expect(layers.unseen == [])
        }
    }

    @Test(arguments: Machine.bfloat16)
    func bfloat16(_ machine: Machine) throws {
        let subject = try subject(machine)
        for name in subject.cases {
            let image = try subject.decode(name, plan: .inOnePiece)
            let ratio = peakSignalToNoise(image, try subject.expected(name))
            #expect(ratio >= Self.bfloat16SignalToNoise, "\(ratio) dB")
        }
    }

    /// No layer sees more than a few lines, so that bands and threads change nothing, or, where
    /// OpenBLAS sums in an order that follows the number of rows, hardly anything.
    @Test(arguments: Machine.float32 + Machine.bfloat16)
    func bandsMakeTheWholePicture(_ machine: Machine) throws {
        let subject = try subject(machine)
        for name in ["odd", "large"] {
            let whole = try subject.decode(name, plan: .inOnePiece)
            for byteCount in BandedDecodingTests.bandByteCounts {
                for count in 0..<subject.vae.levelCount {
                    let plan = DecodingPlan(bandByteCount: byteCount, recomputedLevelCount: count)
                    for threadCount in [1, 2] {
                        let image = try subject.decode(name, plan: plan, threadCount: threadCount)
                        let isSame =
                            machine.backend == .openblas
                            ? relativeL2(image, whole) <= BandedDecodingTests.bound
                            : image == whole
                        #expect(isSame, "\(name), \(plan), \(threadCount) threads")
                    }
                }
            }
        }
    }

    /// No map of the finest level, and about less with every level of which none is kept: bands of
    /// the last one may outweigh its maps.
    @Test func memoryIsThatOfBands() throws {
        let subject = try subject(.standard)
        let side = 128
        let counts = try (0..<subject.vae.levelCount).map {
            try subject.workspaceByteCount(
                height: side, width: side,
                plan: DecodingPlan(bandByteCount: 1 << 20, recomputedLevelCount: $0))
        }
        let pixels = side * subject.vae.scaleFactor
        let finest = pixels * pixels * subject.vae.configuration.channels * 4
        #expect(counts[0] < finest / 2, "\(counts), \(finest)")
        #expect(
            zip(counts, counts.dropFirst()).allSatisfy { $1 < $0 + $0 / 50 }, "\(counts)")
        #expect(counts[counts.count - 1] < counts[0] / 2, "\(counts)")
    }

    /// The file alone says how it is built, and gives the picture of the directory.
    @Test func bothLayoutsOfFiles() throws {
        let folder = try TemporaryDirectory()
        let original = folder.file("taesd_decoder.safetensors")
        try write(to: original) { name in
            let parts = name.dropFirst("decoder.layers.".count).split(separator: ".", maxSplits: 1)
            return name.hasPrefix("decoder.") ? "\((Int(parts[0]) ?? 0) + 1).\(parts[1])" : nil
        }
        let directory = try subject(.standard)
        let expected = try directory.decode("odd", plan: .inOnePiece)
        for path in [try Self.path(), original] {
            let model = try ModelWithTAESD(try Self.embedded(), taesd: path)
            #expect(try model.autoencoderConfiguration() == .tiny(directory.vae.configuration))
            let other = try Subject(goldens: "taesd", .standard) { backend in
                let vae = try model.autoencoder(
                    backend: backend, team: ThreadTeam(threadCount: 1))
                return try #require(vae as? AutoencoderTiny)
            }
            #expect(try other.decode("odd", plan: .inOnePiece) == expected)
        }
    }

    /// What `--taesd` and a model's own `vae/` decode are the same bytes.
    @Test func itDecodesForAModel() throws {
        let compute = ComputeConfiguration(
            backend: .onednn, precision: .float32, threadCount: 2)
        let own = try LatentDecoder(
            model: try ModelDirectory(path: try Goldens.path("taesd")), compute: compute)
        let other = try LatentDecoder(
            model: ModelWithTAESD(try Self.embedded(), taesd: try Self.path()), compute: compute)
        var noise = ImageNoise(seed: 3)
        let latents = GeneratedLatents(
            channels: 4, height: 9, width: 12,
            values: noise.initialLatents(channels: 4, height: 9, width: 12, scale: 1))
        let picture = try own.decode(latents)
        #expect(picture.bytes == (try other.decode(latents).bytes))
        #expect(Set(picture.bytes).count > 20)
        #expect((picture.width, picture.height) == (96, 72))
    }

    /// What is no decoder, or one of other latents, is refused by name; damaged weights too.
    @Test func otherFilesAreRefused() throws {
        let folder = try TemporaryDirectory()
        func problem(_ rename: (String) -> String?) throws -> TinyAutoencoderFileError.Problem? {
            let path = folder.file("other.safetensors")
            try write(to: path, rename)
            do {
                _ = try ModelWithTAESD(try Self.embedded(), taesd: path)
                return nil
            } catch let error as TinyAutoencoderFileError {
                #expect(error.path == path && "\(error)".contains(path))
                return error.problem
            }
        }
        #expect(try problem { $0.hasPrefix("encoder.") ? $0 : nil } == .otherContent)
        #expect(try problem { "unet.\($0)" } == .otherContent)
        let first = try problem { $0 == "decoder.layers.0.weight" ? $0 : nil }
        guard case .otherShape = first else {
            Issue.record("\(String(describing: first))")
            return
        }
        let path = folder.file("short.safetensors")
        try write(to: path) { $0 == "decoder.layers.9.conv.2.bias" ? nil : $0 }
        let model = try ModelWithTAESD(try Self.embedded(), taesd: path)
        let error = #expect(throws: CheckpointMismatchError.self) {
            try model.autoencoder(
                backend: try Machine.standard.makeBackend(), team: ThreadTeam(threadCount: 1))
        }
        #expect(try #require(error).missing == ["decoder.layers.9.conv.2.bias"])
    }

    /// Latents of sixteen channels, as newer models have them.
    @Test func otherLatentsAreRefused() throws {
        let folder = try TemporaryDirectory()
        let path = folder.file("taef1.safetensors")
        var writer = SafeTensorsWriter()
        for (name, shape) in [("1", [64, 16, 3, 3]), ("3", [3, 64, 3, 3])] {
            writer.add(
                "\(name).weight", shape: shape,
                values: Array(repeating: 0, count: shape.reduce(1, *)))
        }
        try writer.write(to: path)
        let problem = TinyAutoencoderFileError.Problem.otherLatents(
            channels: 16, scale: 1, modelChannels: 4, modelScale: 8)
        #expect(throws: TinyAutoencoderFileError(path: path, problem: problem)) {
            try ModelWithTAESD(try Self.embedded(), taesd: path)
        }
    }

    /// A directory whose `vae/` is an `AutoencoderTiny`, as SDXS has it, is a model like others.
    @Test func aModelMayBringIt() throws {
        let folder = try TemporaryDirectory()
        for component in ["unet", "text_encoder", "tokenizer", "scheduler"] {
            _ = try folder.copy("\(try EmbeddedModel.directory())/\(component)", as: component)
        }
        _ = try folder.copy(try Goldens.path("taesd/vae"), as: "vae")
        try folder.write(
            """
            {"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderTiny"]}
            """, to: "model_index.json")
        let model = try ModelDirectory(path: folder.path)
        let description = try ModelDescription(of: model)
        #expect(description.vaeScaleFactor == 8 && description.latentChannels == 4)
        #expect(try model.autoencoderConfiguration().recordedName == "TAESD")
        #expect(try Self.embedded().autoencoderConfiguration().recordedName == nil)
    }

    /// oneDNN's ReLU would make zeros of them.
    @Test func notANumberFailsThePicture() throws {
        let decoder = try LatentDecoder(
            model: try ModelDirectory(path: try Goldens.path("taesd")),
            compute: ComputeConfiguration(
                backend: .onednn, precision: .float32, threadCount: 1))
        var values = [Float](repeating: 0.1, count: 4 * 8 * 8)
        values[77] = .nan
        let latents = GeneratedLatents(channels: 4, height: 8, width: 8, values: values)
        #expect(throws: NonFinitePictureError()) { try decoder.decode(latents) }
    }

    /// Writes the golden weights under other names; `nil` leaves them out.
    private func write(to path: String, _ rename: (String) -> String?) throws {
        let source = try SafeTensorsFile(path: try Self.path())
        var writer = SafeTensorsWriter()
        for name in source.names {
            guard let other = rename(name) else { continue }
            let tensor = try source.tensor(name)
            writer.add(other, shape: tensor.shape, values: try tensor.floats())
        }
        try writer.write(to: path)
    }
}
