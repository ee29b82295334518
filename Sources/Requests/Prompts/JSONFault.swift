// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What is wrong with a text that is not the JSON it should be.
struct JSONFault: Equatable {
    /// One sentence without its full stop.
    var text: String
    /// Where in the text, in bytes from 0; `nil` where the parser does not say.
    var offset: Int?

    /// Finds the fault of a text that `JSONDecoder` refused.
    init(in bytes: Data) {
        guard let words = Self.parserWords(bytes) else {
            text = "an object was expected"
            return
        }
        let parts = words.components(separatedBy: " around character ")
        offset = parts.count == 2 ? Int(parts[1]) : nil
        if words.contains("surrogate") || words.contains("no high character") {
            text = "a \\u escape is half of a character (a lone surrogate)"
        } else if words.contains("not representable") {
            text = "a number is out of range"
        } else {
            text = parts[0]
        }
    }

    /// The decoder says only that something is wrong, this parser says what and where.
    private static func parserWords(_ bytes: Data) -> String? {
        do {
            _ = try JSONSerialization.jsonObject(with: bytes)
            return nil
        } catch {
            let words = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
            guard let words else { return "\(error)" }
            return words.hasSuffix(".") ? String(words.dropLast()) : words
        }
    }
}
