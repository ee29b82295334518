// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Images on the wire: 32 bits of their numbers, of which the last is no image's.
extension ImageNumber {
    private static let wireCount = Int(UInt32.max)

    /// What the wire calls the image; after four billion images their names wrap.
    package var onWire: UInt32 { UInt32(rawValue % Self.wireCount) }

    /// The newest image that the wire calls so, of those before `next`.
    package init(onWire item: UInt32, before next: ImageNumber) {
        let turns = max(0, next.rawValue - 1 - Int(item)) / Self.wireCount
        self.init(Int(item) + turns * Self.wireCount)
    }
}
