// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// An object that a stranger wrote: its size is looked at before anything is made of it.
package enum JSONObject {
    /// Objects and arrays within each other, at most.
    package static let depthMax = 32
    /// Values of all kinds, at most.
    package static let valueCountMax = 100_000

    /// Reads an object.
    ///
    /// - Throws: `json` for what is no JSON object, or one that is nested too deep or has too many
    ///   values.
    package static func read(_ bytes: [UInt8]) throws(PromptListError) -> [String: JSONValue] {
        if let problem = shapeProblem(of: bytes) {
            throw .json(source: "the body", reason: problem)
        }
        do {
            return try JSONDecoder().decode([String: JSONValue].self, from: Data(bytes))
        } catch {
            let fault = JSONFault(in: Data(bytes))
            let place = fault.offset.map { " at byte \($0)" } ?? ""
            throw .json(source: "the body", reason: "\(fault.text)\(place)")
        }
    }

    /// Why bytes are not even looked at; `nil` if they are.
    private static func shapeProblem(of bytes: [UInt8]) -> String? {
        var (depth, values, isText, isEscaped) = (0, 1, false, false)
        for byte in bytes {
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): values += 1
            default: break
            }
            if depth > depthMax { return "it is nested more than \(depthMax) deep" }
            if values > valueCountMax { return "it has more than \(valueCountMax) values" }
        }
        return nil
    }
}
