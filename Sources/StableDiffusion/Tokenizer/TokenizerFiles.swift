// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SafeTensors

/// The files of a tokenizer's folder.
package enum TokenizerFiles {
    /// What transformers 5 writes: vocabulary, merges and added tokens in one.
    package static let whole = "tokenizer.json"

    private static let settings = [
        "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    ]

    /// All files that may be read; models differ in which of them they have.
    package static let all = [whole, "vocab.json", "merges.txt"] + settings

    /// The files that are read from a folder: beside `tokenizer.json`, `vocab.json` and
    /// `merges.txt` are ignored.
    package static func read(in directory: String) -> [String] {
        FileManager.default.fileExists(atPath: "\(directory)/\(whole)")
            ? [whole] + settings : ["vocab.json", "merges.txt"] + settings
    }

    /// Reads a required file.
    static func read(_ url: URL) throws(TokenizerError) -> Data {
        let data: Data
        do { data = try Data(contentsOf: url) } catch {
            let exists = FileManager.default.fileExists(atPath: url.path)
            throw .unreadable(
                path: url.path, reason: exists ? "permission denied" : "there is no such file")
        }
        guard !GitLFSPointer.matches(data) else { throw .gitLFSPointer(path: url.path) }
        return data
    }

    /// Reads a file of JSON; `nil` where it is missing.
    static func decode<Value: Decodable>(
        _ name: String, in directory: URL, as type: Value.Type
    ) throws(TokenizerError) -> Value? {
        let url = directory.appending(path: name)
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        let data = try read(url)
        do { return try JSONDecoder().decode(type, from: data) } catch {
            throw .malformedConfiguration(path: url.path, reason: jsonReason(error))
        }
    }
}

/// One line that says where a JSON file is wrong.
func jsonReason(_ error: any Error) -> String {
    func place(_ context: DecodingError.Context) -> String {
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    }
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
        return place(context)
    case .keyNotFound(let key, let context):
        return "\(key.stringValue) is missing; \(place(context))"
    @unknown default: return "\(error)"
    }
}
