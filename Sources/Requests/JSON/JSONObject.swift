// SPDX-License-Identifier: Apache-2.0

/// An object that a stranger wrote: its size is looked at before anything is made of it.
package enum JSONObject {
    /// Reads an object.
    ///
    /// - Throws: `json` for what is no JSON object, or one that is nested too deep or has too many
    ///   values.
    package static func read(
        _ bytes: [UInt8], limits: JSONLimits = .body
    ) throws(PromptListError) -> [String: JSONValue] {
        do throws(JSONFault) {
            return try parse(bytes[...], limits: limits)
        } catch {
            let place = error.offset.map { " at byte \($0)" } ?? ""
            throw .json(source: "the body", reason: "\(error.text)\(place)")
        }
    }

    static func parse(
        _ bytes: ArraySlice<UInt8>, limits: JSONLimits
    ) throws(JSONFault) -> [String: JSONValue] {
        guard case .object(let object) = try JSONParser.parse(bytes, limits: limits) else {
            throw JSONFault(text: "an object was expected")
        }
        return object
    }
}
