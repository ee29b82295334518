// SPDX-License-Identifier: Apache-2.0

import DiskFaults
import Foundation
import GenerationTypes
import Glibc
import Runs
import TestSupport
import Testing
import WireProtocol

/// A store on a disk that fails at every single write, synchronisation and rename in turn, SQLite's
/// included, and that then loses what was not synchronised.
@Suite struct DiskFaultTests {
    /// One session of a coordinator that continues whatever happens, and what it was promised.
    private struct Life {
        var wasAccepted = false
        /// Images of which the store said that they are on the disk.
        var acknowledged: Set<Int> = []
        /// What went wrong first.
        var problem: RunError?
        /// Something was stored after that.
        var claimedSuccessLater = false

        /// - Returns: whether it went well.
        @discardableResult
        mutating func attempt(_ body: () throws -> Void) -> Bool {
            do {
                try body()
                claimedSuccessLater = claimedSuccessLater || problem != nil
                return true
            } catch let error as RunError {
                #expect(problem == nil || error == problem, "the first error stands for all")
                problem = problem ?? error
            } catch {
                Issue.record("\(error)")
            }
            return false
        }

        mutating func draw(_ items: Range<Int>, in store: RunStore) {
            for item in items {
                let checkpoint = SamplingCheckpoint(step: 3, kernelClass: "k", bytes: [1])
                attempt { try store.keep(checkpoint, of: ImageNumber(item)) }
                if attempt({ try Samples.store(item: item, in: store) }) {
                    acknowledged.insert(item)
                }
                attempt {
                    try store.record(
                        StoredPicture(
                            image: ImageNumber(item), file: "\(item).png", latentsFile: nil,
                            decodeSeconds: 1))
                }
            }
        }
    }

    /// A run of three images from its beginning, or in place of an earlier one of two.
    private static func perform(in path: String, isSuccessor: Bool) -> Life {
        var life = Life()
        var begun: RunStore?
        life.wasAccepted = life.attempt {
            begun = try RunStore.begin(
                Samples.run, requests: Samples.requests(imageCount), directory: path,
                isSuccessor: isSuccessor)
        }
        guard let store = begun else { return life }
        life.attempt { _ = try store.beginSession(at: Samples.date) }
        if isSuccessor, life.problem == nil {
            // As the output directory does it, where the earlier run's files may be in any order.
            for suffix in ["", "-wal", "-shm"] {
                guard unlink("\(path)/\(RunFileName.database)\(suffix)") == 0 || errno == ENOENT
                else {
                    return life
                }
            }
            life.attempt { try store.takePlace() }
        }
        life.draw(0..<imageCount, in: store)
        return life
    }

    private static let imageCount = 3

    private enum Setting: CaseIterable { case new, successor, resumed }

    /// Makes what the setting begins with.
    private static func prepare(_ setting: Setting, in path: String) throws {
        switch setting {
        case .new: break
        case .successor: try Samples.store(item: 1, in: try Samples.begin(2, in: path))
        case .resumed: try Samples.store(item: 0, in: try Samples.begin(imageCount, in: path))
        }
    }

    private static func live(_ setting: Setting, in path: String) -> Life {
        guard setting == .resumed else {
            return perform(in: path, isSuccessor: setting == .successor)
        }
        var life = Life()
        var opened: RunStore?
        life.attempt { opened = try RunStore.open(directory: path) }
        life.wasAccepted = true
        life.acknowledged = [0]
        guard let store = opened else { return life }
        life.attempt { _ = try store.beginSession(at: Samples.date) }
        life.draw(1..<imageCount, in: store)
        return life
    }

    /// Opens what is left and checks that everything that was promised is there.
    private static func check(_ life: Life, _ setting: Setting, in path: String, _ when: String) {
        // It takes no time that way.
        let disk = FaultyDisk(path)
        defer { disk.release() }
        do {
            let store = try RunStore.open(directory: path, prefersSuccessor: true)
            var history = try store.history()
            if !life.wasAccepted, setting == .successor, history.requests.count == 2 {
                #expect(history.results.keys.sorted() == [1], "\(when)")
                return
            }
            #expect(history.requests == Samples.requests(imageCount), "\(when)")
            for item in life.acknowledged {
                let result = try #require(
                    history.results[ImageNumber(item)], "\(when): image \(item)")
                #expect(
                    store.archive.read(result.facts, digest: \.sha256) == Samples.latents(item),
                    "\(when): image \(item)")
            }
            // The next life does the rest.
            if store.isSuccessor { return }
            _ = try store.beginSession(at: Samples.date)
            for image in history.openImages {
                try Samples.store(item: image.rawValue, in: store)
            }
            history = try store.history()
            #expect(history.openImages.isEmpty, "\(when)")
        } catch RunError.noRun where !life.wasAccepted {
            // Nothing was promised.
        } catch {
            Issue.record("\(when): \(error)")
        }
    }

    private static func test(_ setting: Setting, _ fault: FaultyDisk.Fault?, _ code: Int32) throws
        -> Int
    {
        let temporary = try TemporaryDirectory()
        let disk = FaultyDisk(temporary.path)
        try prepare(setting, in: temporary.path)
        disk.fail(fault ?? .once(0), code: code)
        let life = live(setting, in: temporary.path)
        let count = disk.operationCount
        let image = disk.image
        disk.release()
        let what = "\(setting), \(fault.map { "\($0)" } ?? "no fault"), error \(code)"
        #expect(!life.claimedSuccessLater, "\(what)")
        if let problem = life.problem {
            let advice = life.wasAccepted ? "resume with --resume" : "begin again"
            #expect("\(problem)".contains(advice), "\(what): \(problem)")
        }
        if fault == nil {
            #expect(life.problem == nil && life.acknowledged.count == imageCount, "\(what)")
        }
        // Nothing that was not synchronised, or some of it.
        var generator = SplitMix64(seed: UInt64(count))
        for kept in [0.0, 0.7] {
            let left = try TemporaryDirectory()
            try image.write(to: left.path) { Double.random(in: 0..<1, using: &generator) < kept }
            check(life, setting, in: left.path, "\(what), power lost, \(kept) kept")
        }
        check(life, setting, in: temporary.path, "\(what), killed")
        return count
    }

    @Test(arguments: Setting.allCases)
    private func whatWasAcknowledgedIsThereWhateverFails(_ setting: Setting) throws {
        let count = try Self.test(setting, nil, EIO)
        #expect(count > 50)
        for ordinal in 1...count {
            _ = try Self.test(setting, .once(ordinal), EIO)
            _ = try Self.test(setting, .from(ordinal), ENOSPC)
        }
    }
}
