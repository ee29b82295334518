// SPDX-License-Identifier: Apache-2.0

import Coordinator
import Foundation
import GenerationTypes
import Requests
import RunService
import Runs
import Synchronization
import TestSupport
import Testing
import WireProtocol

/// Decoding of stored latents, with a decoder of one colour.
@Suite struct LateDecodingTests {
    private let temporary: TemporaryDirectory
    private let events = Mutexed<[RunEvent]>([])

    init() throws { temporary = try TemporaryDirectory() }

    private static let requests = (0..<3).map {
        GenerationRequest(prompt: "\($0)", seed: UInt64($0), width: 16, height: 8)
    }

    private static func latents(_ item: Int) -> GeneratedLatents {
        GeneratedLatents(channels: 1, height: 1, width: 2, values: [Float(item), 0])
    }

    /// A session of a run of which the given images have latents.
    private func session(sampled items: [Int]) throws -> RunSession {
        let digest = [UInt8](repeating: 7, count: 32)
        let model = ModelFingerprint(unet: digest, textEncoder: digest, vae: digest)
        let store = try RunStore.begin(
            StoredRun(
                instance: [UInt8](repeating: 1, count: 16), leaseKey: digest, modelDirectory: nil,
                model: model, baseSeed: 0, isBaseSeedRandom: false, batchCount: 1, settings: [:],
                savesLatents: false),
            requests: Self.requests, directory: temporary.path, isSuccessor: false)
        for item in items {
            let latents = Self.latents(item)
            let sampled = SampledImage(latents: latents, sha256: latents.sha256)
            try store.write(latents, sha256: sampled.facts.sha256)
            try store.commit([
                .result(
                    ImageResult(
                        image: ImageNumber(item), worker: "a:1", kernelClass: "k", attempt: 1,
                        facts: sampled.facts))
            ])
        }
        return try RunSession(
            store,
            place: RunSession.Place(directory: try RunDirectory(preparing: temporary.path)),
            model: ModelRecord(name: "m", fingerprint: model), decodeClass: "v",
            encoding: .standard, clock: .system,
            report: { [events] event in events.update { $0.append(event) } })
    }

    private func decode(
        _ session: RunSession, with decoder: OneColour = OneColour(), stop: Stop = Stop(),
        all: Bool = false
    ) async throws -> RunOutcome {
        try await LateDecoding(
            session: session, decoder: decoder, stop: stop,
            report: { [events] event in events.update { $0.append(event) } }
        ).run(all: all)
    }

    private var warnings: [String] {
        events.value.compactMap { if case .warning(let text) = $0 { text } else { nil } }
    }

    @Test func missingPicturesAreMade() async throws {
        let session = try session(sampled: [0, 2])
        #expect(try await decode(session) == .complete)
        #expect(try session.store.history().pictures.keys.sorted() == [0, 2])
        #expect(
            temporary.contents.filter { $0.hasSuffix(".png") } == ["00000-0.png", "00002-2.png"])
        // Nothing is left to do.
        let decoder = OneColour()
        #expect(try await decode(session, with: decoder) == .complete)
        #expect(decoder.count.value == 0)
        #expect(warnings.isEmpty)
    }

    @Test func allPicturesAreMadeAgainOnRequest() async throws {
        let session = try session(sampled: [0, 1])
        _ = try await decode(session)
        let first = try Data(contentsOf: URL(filePath: temporary.file("00001-1.png")))
        let decoder = OneColour(value: 9)
        #expect(try await decode(session, with: decoder, all: true) == .complete)
        #expect(decoder.count.value == 2)
        #expect(try Data(contentsOf: URL(filePath: temporary.file("00001-1.png"))) != first)
    }

    @Test func lostLatentsAreNamedAndTheRestIsDecoded() async throws {
        let session = try session(sampled: [0, 1, 2])
        let name = Hexadecimal.text(Self.latents(1).sha256) + ".f32"
        try FileManager.default.removeItem(atPath: temporary.file("latents/\(name)"))
        #expect(try await decode(session) == .someImagesFailed)
        #expect(try session.store.history().pictures.keys.sorted() == [0, 2])
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("image 1 are gone or damaged; --resume samples") == true)
    }

    /// No picture of them will ever be made: they are sampled again only on request.
    @Test(arguments: [OneColour.Trouble.error, .otherSize])
    func undecodableLatentsAreAFinalFailure(_ trouble: OneColour.Trouble) async throws {
        let session = try session(sampled: [0, 1])
        let decoder = OneColour(trouble: trouble, at: 1)
        #expect(try await decode(session, with: decoder) == .someImagesFailed)
        var history = try session.store.history()
        #expect(history.hasFailedToDecode(1) && history.failures[1]?.count == 1)
        #expect(warnings.first?.contains("--resume --retry-failed samples it again") == true)
        // A second try does not add a second failure.
        #expect(try await decode(session, with: decoder) == .someImagesFailed)
        history = try session.store.history()
        #expect(history.failures[1]?.count == 1)
        // Another decoder takes the failure back.
        #expect(try await decode(session) == .complete)
        #expect(try !session.store.history().hasFailedToDecode(1))
    }

    @Test func aStopEndsItBetweenTwoPictures() async throws {
        let session = try session(sampled: [0, 1, 2])
        let stop = Stop()
        let decoder = OneColour(afterDecode: { stop.request() })
        #expect(try await decode(session, with: decoder, stop: stop) == .interrupted)
        #expect(try session.store.history().pictures.keys.sorted() == [0])
        #expect(stop.hasFinish.value, "the first signal must not end the program at once")
    }
}

/// Decodes to one colour, or not at all.
struct OneColour: LatentDecoding {
    enum Trouble: Sendable { case error, otherSize }
    struct Broken: Error {}

    var value: UInt8 = 5
    var trouble: Trouble?
    var at = 0
    var afterDecode: @Sendable () -> Void = {}
    let count = Mutexed(0)

    init(
        value: UInt8 = 5, trouble: Trouble? = nil, at item: Int = 0,
        afterDecode: @escaping @Sendable () -> Void = {}
    ) {
        self.value = value
        self.trouble = trouble
        at = item
        self.afterDecode = afterDecode
    }

    func decode(_ latents: GeneratedLatents) throws -> RGBImage {
        count.update { $0 += 1 }
        defer { afterDecode() }
        let isTroubled = latents.values[0] == Float(at)
        if isTroubled, trouble == .error { throw Broken() }
        let side = isTroubled && trouble == .otherSize ? 4 : 8
        return RGBImage(
            width: latents.width * side, height: latents.height * side,
            filledWith: .gray(value))
    }
}

/// A signal that never came, or did.
final class Stop: RunStopping {
    private let isRequested = Mutexed(false)
    let hasFinish = Mutexed(false)

    var isStopRequested: Bool { isRequested.value }

    func onRequest(_ finish: @escaping @Sendable () -> Void) { hasFinish.update { $0 = true } }

    func request() { isRequested.update { $0 = true } }
}

/// A value that several threads change.
final class Mutexed<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    func update(_ body: (inout Value) -> Void) { mutex.withLock { body(&$0) } }
}
