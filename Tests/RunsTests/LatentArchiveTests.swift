// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Runs
import TestSupport
import Testing
import WireProtocol

/// Latents as files that are named by their content.
@Suite struct LatentArchiveTests {
    let temporary: TemporaryDirectory
    let store: RunStore

    init() throws {
        temporary = try TemporaryDirectory()
        store = try Samples.begin(4, in: temporary.path)
    }

    @Test func theNameIsTheDigestOfTheContent() throws {
        let result = try Samples.store(item: 0, in: store)
        let name = Hexadecimal.text(result.facts.sha256) + ".f32"
        let bytes = try Data(contentsOf: URL(filePath: temporary.file("latents/\(name)")))
        #expect(bytes.count == result.facts.valueCount * 4)
        #expect(store.archive.read(result.facts, digest: \.sha256) == Samples.latents(0))
    }

    @Test func damagedFilesAreNoLatents() throws {
        let result = try Samples.store(item: 0, in: store)
        let file = URL(
            filePath: temporary.file("latents/\(Hexadecimal.text(result.facts.sha256)).f32"))
        let whole = try Data(contentsOf: file)
        var flipped = whole
        flipped[17] ^= 1
        for bytes in [flipped, whole.dropLast(), Data(), whole + [0]] {
            try bytes.write(to: file)
            #expect(store.archive.read(result.facts, digest: \.sha256) == nil)
        }
        try FileManager.default.removeItem(at: file)
        #expect(store.archive.read(result.facts, digest: \.sha256) == nil)
    }

    @Test func equalLatentsAreOneFile() async throws {
        let latents = Samples.latents(0)
        let digest = latents.sha256
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask { [store] in try store.write(latents, sha256: digest) }
            }
            try await tasks.waitForAll()
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: store.archive.path)
        #expect(names == [Hexadecimal.text(digest) + ".f32"])
    }

    @Test func aFolderThatIsGoneIsNamed() throws {
        try FileManager.default.removeItem(atPath: store.archive.path)
        #expect {
            try store.write(Samples.latents(0), sha256: Samples.latents(0).sha256)
        } throws: { error in
            guard case .disk(let problem) = error as? RunError else { return false }
            return problem.path.hasPrefix(store.archive.path) && "\(error)".contains("--resume")
        }
        #expect(throws: RunError.self) { try Samples.store(item: 1, in: store) }
        #expect(try store.history().results.isEmpty)
    }
}
