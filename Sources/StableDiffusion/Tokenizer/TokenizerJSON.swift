// SPDX-License-Identifier: Apache-2.0

/// The parts of the tokenizers library's `tokenizer.json` that transformers 5's `CLIPTokenizer`
/// reads: vocabulary, merges, added tokens, and the sides of truncation and padding.
///
/// Normaliser, pre-tokenizer and post-processor are always CLIP's own, whatever the file says.
struct TokenizerJSON: Decodable {
    /// Tokens that are cut out of the text.
    var addedTokens: [Token]
    var model: Model
    var truncation: Side?
    var padding: Side?

    private enum CodingKeys: String, CodingKey {
        case model, truncation, padding
        case addedTokens = "added_tokens"
    }

    struct Token: Decodable {
        var id: Int32
        var properties: TokenValue.Object

        private enum CodingKeys: String, CodingKey { case id }

        init(from decoder: any Decoder) throws {
            id = try decoder.container(keyedBy: CodingKeys.self).decode(Int32.self, forKey: .id)
            properties = try TokenValue.Object(from: decoder)
        }
    }

    struct Side: Decodable {
        /// `Left` or `Right`.
        var direction: String
    }

    struct Model: Decodable {
        /// `BPE`; older files omit it.
        var type: String?
        /// Ids by token.
        var vocabulary: [String: Int32]
        /// Pairs of symbols, the first one to be joined first.
        var merges: [[String]]

        private enum CodingKeys: String, CodingKey {
            case type, merges
            case vocabulary = "vocab"
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            type = try values.decodeIfPresent(String.self, forKey: .type)
            // Other kinds have other shapes; they are refused by name.
            guard type == nil || type == "BPE" else {
                (vocabulary, merges) = ([:], [])
                return
            }
            vocabulary = try values.decode([String: Int32].self, forKey: .vocabulary)
            // Pairs since tokenizers 0.20, before that texts with a space between two symbols.
            if let pairs = try? values.decode([[String]].self, forKey: .merges) {
                merges = pairs
            } else {
                merges = try values.decode([String].self, forKey: .merges).map { text in
                    text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
                }
            }
        }
    }
}
