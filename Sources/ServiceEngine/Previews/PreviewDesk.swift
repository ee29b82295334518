// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// The images that somebody watches, and the newest preview of each.
struct PreviewDesk: Sendable {
    /// Images whose workers were asked for previews.
    private(set) var watched: Set<ImageNumber> = []
    private var shown: [ImageNumber: LatentPreview] = [:]

    /// - Returns: whether it was not watched before.
    mutating func watch(_ image: ImageNumber) -> Bool { watched.insert(image).inserted }

    mutating func endWatch(_ image: ImageNumber) { watched.remove(image) }

    /// - Returns: whether anybody wants to see it.
    mutating func show(_ preview: LatentPreview, of image: ImageNumber) -> Bool {
        guard watched.contains(image) else { return false }
        shown[image] = preview
        return true
    }

    subscript(image: ImageNumber) -> LatentPreview? { shown[image] }

    /// It is sampled again, for the same watchers.
    mutating func begin(_ image: ImageNumber) { shown[image] = nil }

    /// Its sampling has ended.
    mutating func forget(_ image: ImageNumber) {
        watched.remove(image)
        shown[image] = nil
    }
}
