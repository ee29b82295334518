// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// A queue of images, first in, first out.
struct ImageFIFO {
    private var numbers: [ImageNumber] = []
    /// Where the first image of the queue is; those before it have left.
    private var head = 0

    var count: Int { numbers.count - head }
    var first: ImageNumber? { head < numbers.count ? numbers[head] : nil }

    mutating func append(_ number: ImageNumber) { numbers.append(number) }

    mutating func popFirst() -> ImageNumber? {
        guard let first else { return nil }
        head += 1
        // Each image is moved once on average.
        if head * 2 > numbers.count {
            numbers.removeFirst(head)
            head = 0
        }
        return first
    }

    /// Takes an image out of the queue, wherever it is.
    mutating func remove(_ number: ImageNumber) {
        if first == number {
            _ = popFirst()
        } else if let position = numbers[head...].firstIndex(of: number) {
            numbers.remove(at: position)
        }
    }

    mutating func removeAll(where isUnwanted: (ImageNumber) -> Bool) {
        numbers.removeFirst(head)
        head = 0
        numbers.removeAll(where: isUnwanted)
    }
}
