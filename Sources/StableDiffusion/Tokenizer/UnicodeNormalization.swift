// SPDX-License-Identifier: Apache-2.0

#if canImport(Darwin)
    import Foundation
#else
    // The standard library's own normaliser, which Foundation uses too; the public Foundation
    // function would add 40 MB of ICU.
    @_spi(_Unicode) import Swift
#endif

/// The normaliser of transformers' CLIP tokenizer, on Unicode scalars.
enum UnicodeNormalization {
    /// Canonical composition (NFC), then lower case scalar by scalar.
    ///
    /// Not `lowercased()`: the reference maps each scalar alone, so that a final Σ is σ, not ς.
    static func normalized(_ text: some StringProtocol) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.utf8.count)
        for scalar in composed(String(text)) {
            if scalar.isASCII {
                let upper = ("A"..."Z").contains(scalar)
                result.append(upper ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar)
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return result
    }

    /// The last Unicode version that the reference's normaliser (Rust's unicode-normalization-
    /// alignments) knows; later characters neither compose nor reorder.
    private static let unicodeVersionMax = 9

    private static func composed(_ text: String) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.utf8.count)
        var known = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.isASCII || (scalar.properties.age?.major ?? 0) <= unicodeVersionMax {
                known.append(scalar)
            } else {
                result += canonicallyComposed(String(known))
                result.append(scalar)
                known.removeAll(keepingCapacity: true)
            }
        }
        return result + canonicallyComposed(String(known))
    }

    private static func canonicallyComposed(_ text: String) -> [Unicode.Scalar] {
        #if canImport(Darwin)
            Array(text.precomposedStringWithCanonicalMapping.unicodeScalars)
        #else
            Array(text._nfc)
        #endif
    }
}

/// The classes that the pre-tokenizer's regular expression distinguishes.
enum ScalarClass {
    /// `\p{L}`.
    case letter
    /// `\p{N}`.
    case number
    /// `\s`.
    case whitespace
    /// Anything else, including marks and unassigned scalars.
    case other

    /// The last Unicode version that the reference's regular expressions (Oniguruma) know; later
    /// characters are `other` there, and so here.
    private static let unicodeVersionMax = 16

    /// Classifies a scalar.
    init(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x61...0x7a, 0x41...0x5a: self = .letter
        case 0x30...0x39: self = .number
        case 0x20, 0x09...0x0d: self = .whitespace
        case 0...0x7f: self = .other
        default: self = Self.classify(scalar.properties)
        }
    }

    private static func classify(_ properties: Unicode.Scalar.Properties) -> ScalarClass {
        guard let age = properties.age, age.major <= unicodeVersionMax else { return .other }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: return properties.isWhitespace ? .whitespace : .other
        }
    }
}
