// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// Damages bodies: bytes, values, and everything that a limit is for.
package struct BodyMutator {
    /// One in so many bodies is as large as a body may be.
    private static let largeInterval = 2_000

    /// Values that parsers and planners have trouble with.
    private static let hostileValues = [
        "1e999", "-1e999", "1e-999", "18446744073709551615", "18446744073709551616", "-0", "1e18",
        "-9223372036854775809", "9223372036854775807", "0.1e1", "NaN", "Infinity", "1.", "01",
        "2147483648", "1000000000", "-1", "0", "4097", "8", "1e-320", "3.4e38", "null", "true",
        "{}",
        "[]", "[[]]", "\"\"", #""\ud800""#, #""\udc00\ud800""#, #""\u0000""#,
        "\"\u{202E}\u{200B}\"",
        "\"<lora:x:1e999>\"", "\"<lora:\"", "\"a\\u0000b\"", "\"1e999\"", "\"-1\"", "\"１２\"",
        "{\"method\":\"retom\",\"ratio\":1e9}", "{\"a\":1,\"a\":2}", "\"9999x9999\"", "\"x\"",
        "\"\u{FEFF}\"", "\"e\u{301}\u{301}\u{301}\"",
    ]

    private var generator: SplitMix64

    /// Begins with a seed.
    package init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    /// The next body of a kind.
    package mutating func body(_ kind: BodyKind) -> [UInt8] {
        if number(below: Self.largeInterval) == 0 { return large(kind) }
        var bytes = Array(pick(kind.samples).utf8)
        for _ in 0...number(below: 4) { damage(&bytes, kind) }
        return bytes
    }

    private mutating func damage(_ bytes: inout [UInt8], _ kind: BodyKind) {
        guard bytes.count > 2 else { return }
        let place = number(below: bytes.count)
        let end = min(bytes.count, place + 1 + number(below: 12))
        switch number(below: 10) {
        case 0: bytes[place] = UInt8(number(below: 256))
        case 1: bytes[place] ^= 1 << UInt8(number(below: 8))
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 4: bytes.removeSubrange(place...)
        case 5: bytes.insert(contentsOf: Array(pick(Self.hostileValues).utf8), at: place)
        case 6:
            // The end of another body, perhaps of another kind.
            let other = Array(pick(pick(BodyKind.allCases).samples).utf8)
            bytes.replaceSubrange(place..., with: other[min(place, other.count)...])
        default: replaceValue(in: &bytes, from: place)
        }
    }

    /// Puts a hostile value where one stands.
    private mutating func replaceValue(in bytes: inout [UInt8], from place: Int) {
        let colon = UInt8(ascii: ":")
        guard let start = bytes[place...].firstIndex(of: colon) ?? bytes.firstIndex(of: colon)
        else { return }
        let ends: Set<UInt8> = [UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]")]
        let end = bytes[(start + 1)...].firstIndex(where: ends.contains) ?? bytes.endIndex
        bytes.replaceSubrange((start + 1)..<end, with: Array(pick(Self.hostileValues).utf8))
    }

    /// A body about as large as one may be.
    private mutating func large(_ kind: BodyKind) -> [UInt8] {
        let bodies = LargeBody.all(kind)
        return pick(bodies).bytes()
    }

    private mutating func number(below limit: Int) -> Int {
        Int.random(in: 0..<limit, using: &generator)
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[number(below: elements.count)]
    }
}
