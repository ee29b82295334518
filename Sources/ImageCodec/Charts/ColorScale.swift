// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Colours for numbers from 0 to 1, with lightness increasing with the number, so that they remain
/// distinguishable without red or green vision.
package struct ColorScale: Sendable {
    private let stops: [(red: Double, green: Double, blue: Double)]

    /// Dark violet over green to yellow; matplotlib's viridis at nine points.
    package static let viridis = ColorScale(stops: [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129),
        (92, 200, 99), (170, 220, 50), (253, 231, 37),
    ])

    /// The colour of a number; numbers outside 0…1 are clamped.
    package func color(_ value: Double) -> RGBImage.Color {
        let place = min(max(value, 0), 1) * Double(stops.count - 1)
        let index = min(Int(place), stops.count - 2)
        let share = place - Double(index)
        func mix(_ low: Double, _ high: Double) -> UInt8 {
            UInt8((low + (high - low) * share).rounded())
        }
        let (low, high) = (stops[index], stops[index + 1])
        return RGBImage.Color(
            red: mix(low.red, high.red), green: mix(low.green, high.green),
            blue: mix(low.blue, high.blue))
    }
}
