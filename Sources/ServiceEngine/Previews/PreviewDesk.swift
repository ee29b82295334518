// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// The images that somebody watches, and the newest preview of each.
struct PreviewDesk: Sendable {
    /// A preview as it came.
    struct Shown: Sendable {
        var step: Int
        var image: RGBImage
    }

    /// Images whose workers were asked for previews.
    private(set) var watched: Set<ImageNumber> = []
    private var shown: [ImageNumber: Shown] = [:]

    /// - Returns: whether it was not watched before.
    mutating func watch(_ image: ImageNumber) -> Bool { watched.insert(image).inserted }

    mutating func endWatch(_ image: ImageNumber) { watched.remove(image) }

    mutating func show(_ preview: Shown, of image: ImageNumber) { shown[image] = preview }

    subscript(image: ImageNumber) -> Shown? { shown[image] }

    /// Its sampling has ended.
    mutating func forget(_ image: ImageNumber) {
        watched.remove(image)
        shown[image] = nil
    }
}
