// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// Says which image is next: those that need another attempt by their numbers, then those that no
/// worker was given yet in the order of their submission.
struct WorkQueue {
    /// Images that wait for another lease; their numbers ascend.
    private(set) var retries: [ImageNumber] = []
    private var fresh = ImageFIFO()

    /// Images that wait for a worker, including those that must not begin yet.
    var count: Int { fresh.count + retries.count }

    /// Adds an image that no worker was given yet.
    mutating func append(_ number: ImageNumber) { fresh.append(number) }

    /// Adds an image whose leases ended without a result.
    mutating func requeue(_ number: ImageNumber) {
        let position = retries.firstIndex { $0 > number } ?? retries.endIndex
        retries.insert(number, at: position)
    }

    /// The next image.
    ///
    /// - Parameter mayRetry: whether an image that needs another attempt may have it now.
    func next(mayRetry: (ImageNumber) -> Bool) -> ImageNumber? {
        retries.first(where: mayRetry) ?? fresh.first
    }

    /// Takes an image out.
    mutating func remove(_ number: ImageNumber) {
        if let position = retries.firstIndex(of: number) {
            retries.remove(at: position)
        } else {
            fresh.remove(number)
        }
    }

    mutating func removeAll(where isUnwanted: (ImageNumber) -> Bool) {
        retries.removeAll(where: isUnwanted)
        fresh.removeAll(where: isUnwanted)
    }
}
