// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Requests with values that have broken something: limits and their neighbours, infinities, NaN,
/// denormals, negative numbers, the ends of `Int`.
///
/// About one field in six is hostile, so that some requests can be generated and some cannot.
package enum HostileRequests {
    /// Numbers that are not whole.
    package static let numbers: [Double] = [
        .nan, .infinity, -.infinity, 1e300, -1e300, Double.leastNonzeroMagnitude,
        -Double.leastNonzeroMagnitude, 1e-45, -0.0, 0.25, 0.999, 1,
        1.0000001, 1.4, 4, 999.5, 1000, 1001, 0x1p53, 0x1p63, 0x1p64,
    ]

    /// Whole numbers.
    package static let wholes: [Int] = [
        .min, -0x8000_0000, -1, 0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 63, 64, 65, 512, 513, 1000, 1001,
        4096, 4097, 65535, 65536, 1 << 31, 1 << 32, .max,
    ]

    /// Texts that some option accepts, or nearly.
    package static let texts = [
        "", "mean", "adaptive", "adaptive-literal", "2,4", "0", "9223372036854775807", "1,,2",
        "down:1/2,mid:3,up:4", "down:1,mid:0,up:1", "down:,mid:,up:", "avg", "rep", "kv", "qkv",
        "random", "least", "first", "complete", "single", "per-sample", "attention-input",
        "hidden-states", "nan", "1e300",
    ]

    /// Values of merge options, of every kind.
    package static let mergeValues: [TokenMergeValue] =
        numbers.map(TokenMergeValue.number) + wholes.map(TokenMergeValue.whole)
        + texts.map(TokenMergeValue.text)
        + [[], [0], [-1], [3, 1], [65536], Array(0..<2001)].map(TokenMergeValue.list)
        + [true, false].map(TokenMergeValue.flag)

    /// A merge configuration of one of some methods.
    package static func merging(
        _ methods: [String], using generator: inout SplitMix64
    ) -> TokenMergeConfiguration {
        var merging = TokenMergeConfiguration(
            method: methods.randomElement(using: &generator) ?? "none")
        for option in TokenMergeOption.all where option != .method {
            guard Int.random(in: 0..<4, using: &generator) == 0 else { continue }
            // Values of other kinds have no effect.
            for _ in 0..<4 {
                guard let value = mergeValues.randomElement(using: &generator) else { continue }
                try? option.set(value, in: &merging)
            }
        }
        return merging
    }

    /// A request; sides that can be generated are at most `sideMax` pixels.
    package static func request(
        _ methods: [String], sideMax: Int, using generator: inout SplitMix64
    ) -> GenerationRequest {
        func isHostile() -> Bool { Int.random(in: 0..<6, using: &generator) == 0 }
        func whole(_ plain: ClosedRange<Int>) -> Int {
            guard isHostile(), let value = wholes.randomElement(using: &generator) else {
                return Int.random(in: plain, using: &generator)
            }
            return value
        }
        func side() -> Int {
            let value = whole(1...sideMax / 8)
            // Only hostile sides that no model generates.
            return (1...sideMax / 8).contains(value) ? 8 * value : value == 512 ? -512 : value
        }
        func number(_ plain: ClosedRange<Float>) -> Float {
            guard isHostile(), let value = numbers.randomElement(using: &generator) else {
                return Float.random(in: plain, using: &generator)
            }
            return Float(value)
        }
        let clipSkip = Bool.random(using: &generator) ? nil : whole(1...2)
        var request = GenerationRequest(
            prompt: isHostile() ? "\u{0}\u{FFFF}e\u{301}" : "a red house",
            negativePrompt: isHostile() ? "🏠" : "",
            seed: UInt64.random(in: 0...UInt64.max, using: &generator), width: side(),
            height: side(), inferenceStepCount: whole(1...9), guidanceScale: number(0...9),
            samplingMethod: SamplingMethod.allCases.randomElement(using: &generator) ?? .ddim,
            sigmaSchedule: SigmaSchedule.allCases.randomElement(using: &generator)
                ?? .modelDefault, eta: number(0...1), clipSkip: clipSkip,
            tokenMerging: merging(methods, using: &generator))
        request.guidanceRescale = number(0...1)
        request.forecastInterval =
            isHostile() ? [-1, 0, 2, 9, .max].randomElement(using: &generator)! : 1
        return request
    }
}
