// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// The workers of a simulation, and the coordinator's line in front of them.
struct SimulatedWorkers {
    private(set) var count: Int
    /// Images with the coordinator that are not sampled.
    private(set) var offered: Set<ImageNumber> = []
    private var line: [ImageNumber] = []
    /// What workers sample, by the number of the attempt; also what was withdrawn meanwhile.
    private var busy: [ImageNumber: Int] = [:]
    private var attemptCount = 0

    init(count: Int) { self.count = count }

    /// - Returns: whether the image was not there before.
    mutating func take(_ image: ImageNumber) -> Bool {
        line.append(image)
        return offered.insert(image).inserted
    }

    mutating func withdraw(_ image: ImageNumber) {
        guard offered.remove(image) != nil else { return }
        line.removeAll { $0 == image }
    }

    /// A worker that is free begins the next image; `nil` without either.
    mutating func begin() -> (image: ImageNumber, attempt: Int)? {
        guard busy.count < count, !line.isEmpty else { return nil }
        attemptCount += 1
        let image = line.removeFirst()
        busy[image] = attemptCount
        return (image, attemptCount)
    }

    /// A worker has sampled an image.
    ///
    /// - Returns: whether it is still wanted; `nil` if that worker has left.
    mutating func end(_ image: ImageNumber, attempt: Int) -> Bool? {
        guard busy[image] == attempt else { return nil }
        busy[image] = nil
        return offered.remove(image) != nil
    }

    /// Workers join, or leave in the middle of their images, which go to the head of the line.
    ///
    /// - Returns: those images.
    mutating func change(to count: Int) -> [ImageNumber] {
        self.count = count
        let left = busy.keys.sorted().suffix(max(0, busy.count - count))
        for image in left { busy[image] = nil }
        let wanted = left.filter(offered.contains)
        line.insert(contentsOf: wanted, at: 0)
        return wanted
    }

    /// The service was killed; the workers stay.
    mutating func loseAll() {
        (offered, line, busy) = ([], [], [:])
    }
}
