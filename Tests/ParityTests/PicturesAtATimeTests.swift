// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import GenerationTypes
import ProcessSupport
import StableDiffusion
import Synchronization
import TensorKit
import Testing

/// Several pictures at the same time on one copy of the weights.
@Suite(.serialized) struct PicturesAtATimeTests {
    static func pipeline(
        _ backend: BackendKind, threadCount: Int = 2, cores: ComputeCores? = nil
    ) throws -> StableDiffusionPipeline {
        try StableDiffusionPipeline(
            model: try ModelDirectory(path: try EmbeddedModel.directory()),
            compute: ComputeConfiguration(
                backend: backend, precision: .float32, threadCount: threadCount),
            cores: cores)
    }

    /// Guided and unguided, merged and unmerged, of two sizes: what meets at the same time differs.
    static let requests: [GenerationRequest] = (0..<8).map { index in
        var merging = TokenMergeConfiguration(method: index % 4 < 2 ? "retom" : "none")
        if index == 5 { merging.sharing = .perSample }
        return GenerationRequest(
            prompt: "a red house \(index / 2)", seed: UInt64(index), width: 64,
            height: index % 3 == 0 ? 128 : 64, inferenceStepCount: 3 + index % 3,
            guidanceScale: index % 4 == 3 ? 1 : 5, tokenMerging: merging)
    }

    static func latents(
        _ pipeline: StableDiffusionPipeline, _ request: GenerationRequest
    ) throws -> GeneratedLatents {
        let run = try pipeline.begin(request)
        while try run.next() != nil {}
        return run.latents
    }

    /// The latents of one at a time, on the same number of threads, byte by byte: with more lanes
    /// than cores, and with as many.
    @Test(arguments: [BackendKind.onednn, .openblas], [(1, 1), (1, 2), (2, 1), (2, 2), (2, 4)])
    func latentsAreThoseOfOneAtATime(
        _ backend: BackendKind, _ threads: (each: Int, all: Int)
    ) async throws {
        let alone = try Self.pipeline(backend, threadCount: threads.each)
        let expected = try Self.requests.map { try Self.latents(alone, $0) }
        let cores = ComputeCores(count: threads.all)
        let first = try Self.pipeline(backend, threadCount: threads.each, cores: cores)
        #expect(first.kernelClass == alone.kernelClass)
        let found = Found()
        try await withThrowingTaskGroup { group in
            for index in 0..<3 {
                let pipeline = Owned(index == 0 ? first : first.sharingWeights(cores: cores))
                group.addTask {
                    try await DedicatedThread.run(named: "picture") {
                        while true {
                            // Every request twice: in other company each time.
                            let item = found.takeNext()
                            guard item < 2 * Self.requests.count else { return }
                            let index = item % Self.requests.count
                            found.note(
                                try Self.latents(pipeline.value, Self.requests[index]), of: index)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        for (index, latents) in expected.enumerated() {
            #expect(found.latents(of: index) == [latents, latents], "image \(index)")
        }
    }

    /// Scratch memory is that of the lanes: of two for two threads, of one for one.
    @Test func scratchMemoryIsMeasured() throws {
        let one = try Self.pipeline(.onednn, threadCount: 1).scratchByteCount()
        let two = try Self.pipeline(.onednn)
        let bytes = try two.scratchByteCount()
        #expect(bytes > 1 << 20 && bytes == 2 * one)
        let sibling = two.sharingWeights(cores: ComputeCores(count: 2))
        #expect(try sibling.scratchByteCount() == bytes)
    }
}

/// What several threads found.
private final class Found: Sendable {
    private let state = Mutex((next: 0, latents: [Int: [GeneratedLatents]]()))

    func takeNext() -> Int {
        state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
    }

    func note(_ latents: GeneratedLatents, of index: Int) {
        state.withLock { $0.latents[index, default: []].append(latents) }
    }

    func latents(of index: Int) -> [GeneratedLatents] {
        state.withLock { $0.latents[index] ?? [] }
    }
}

/// A pipeline that belongs to the thread that uses it.
private struct Owned: @unchecked Sendable {
    let value: StableDiffusionPipeline
    init(_ value: StableDiffusionPipeline) { self.value = value }
}
