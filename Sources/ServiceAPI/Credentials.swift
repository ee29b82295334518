// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The key in an `Authorization` field.
package enum Credentials {
    /// Reads `Bearer KEY`, or `Basic` with any user and the key as password; `nil` if there is none.
    package static func key(in field: String?) -> String? {
        guard let words = field?.split(separator: " ", maxSplits: 1), words.count == 2 else {
            return nil
        }
        let value = words[1].trimmingPrefix { $0 == " " }
        switch words[0].lowercased() {
        // What clients send that have none.
        case "bearer" where value == "None" || value == "null" || value == "undefined": return nil
        case "bearer": return value.isEmpty ? nil : String(value)
        case "basic":
            guard let data = Data(base64Encoded: String(value)),
                let pair = String(data: data, encoding: .utf8),
                let colon = pair.firstIndex(of: ":")
            else { return nil }
            let password = pair[pair.index(after: colon)...]
            return password.isEmpty ? nil : String(password)
        default: return nil
        }
    }
}
