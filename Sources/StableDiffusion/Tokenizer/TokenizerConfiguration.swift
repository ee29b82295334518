// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A token that is cut out of the text before any other processing.
struct AddedToken: Sendable, Equatable {
    /// The token's text.
    var content: String
    /// Whether it is matched in the normalised text (lower case) or in the text as written.
    var isNormalized = false
    /// Whether it counts only if no word character touches it.
    var isSingleWord = false
    /// Its id if the vocabulary lacks it.
    var id: Int32?
}

/// The combined contents of `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`
/// and the added tokens of `tokenizer.json`.
///
/// The rules are those of transformers 5's `from_pretrained`: if the configuration lists
/// `added_tokens_decoder`, the other three are ignored; otherwise the map overrides the
/// configuration, and `tokenizer.json` the older list. A token written as a plain string is matched
/// in the text as written. So SD 2's pad token `!` is cut out of prompts too.
package struct TokenizerConfiguration: Sendable {
    /// Begins every prompt.
    package var beginningOfText = Self.clipBeginning
    /// Ends every prompt.
    package var endOfText = Self.clipEnd
    /// Stands for what the vocabulary lacks.
    package var unknown = Self.clipEnd
    /// Fills a prompt up.
    package var padding = Self.clipEnd
    /// Ids in an encoded prompt, `bos` and `eos` included.
    package var modelMaxLength = 77
    /// Where an overlong prompt is truncated.
    package var truncationSide = TokenizerSide.right
    /// Where a short prompt is padded.
    package var paddingSide = TokenizerSide.right
    /// Tokens cut out of the text, later ones replacing earlier ones of the same content.
    var addedTokens: [AddedToken] = []

    static let clipBeginning = "<|startoftext|>"
    static let clipEnd = "<|endoftext|>"

    /// The configuration of CLIP itself.
    package init() {
        addedTokens = Self.added(specials: [.text(beginningOfText), .text(endOfText)], extra: [])
    }

    /// What the tokenizers of Stable Diffusion 1.x and 2.x say, which differ in the padding.
    init(padding: CLIPPadding) {
        self.padding = padding.rawValue
        let marks = [Self.clipBeginning, Self.clipEnd].map { content in
            TokenValue.object(
                TokenValue.Object(
                    content: content, normalized: true, singleWord: false, special: true))
        }
        addedTokens = Self.added(specials: marks + [.text(padding.rawValue)], extra: [])
    }

    /// Reads the folder's files; each of them may be missing.
    ///
    /// - Parameter whole: the folder's `tokenizer.json`.
    init(directory: URL, whole: TokenizerJSON?) throws(TokenizerError) {
        let main = try TokenizerFiles.decode(
            "tokenizer_config.json", in: directory, as: File.self)
        let listed = main?.addedTokensDecoder
        var map: File?
        var legacy: [String: Int32]?
        if listed == nil {
            map = try TokenizerFiles.decode(
                "special_tokens_map.json", in: directory, as: File.self)
            legacy = try TokenizerFiles.decode(
                "added_tokens.json", in: directory, as: [String: Int32].self)
        }

        func token(_ key: KeyPath<File, TokenValue?>, _ otherwise: String) -> TokenValue {
            (map?[keyPath: key]) ?? (main?[keyPath: key]) ?? .text(otherwise)
        }
        let specials = [
            token(\.bosToken, beginningOfText), token(\.eosToken, endOfText),
            token(\.unkToken, unknown), token(\.padToken, padding),
        ]
        beginningOfText = specials[0].content
        endOfText = specials[1].content
        unknown = specials[2].content
        padding = specials[3].content
        let further = (main?.extraTokens ?? []) + (map?.extraTokens ?? [])
        let names = Set((specials + further).map(\.content))
        var extra: [Int32: AddedToken] = [:]
        for (id, token) in listed ?? [:] {
            if let id = Int32(id) { extra[id] = AddedToken(token, id: id) }
        }
        for (content, id) in legacy ?? [:] {
            let isNormalized = !names.contains(content)
            extra[id] = AddedToken(content: content, isNormalized: isNormalized, id: id)
        }
        for token in listed == nil ? whole?.addedTokens ?? [] : [] {
            extra[token.id] = AddedToken(token.properties, id: token.id)
        }
        addedTokens = Self.added(
            specials: specials + further,
            extra: extra.sorted { $0.key < $1.key }.map(\.value))
        try setLimits(
            main, whole, path: directory.appending(path: "tokenizer_config.json").path)
    }

    private mutating func setLimits(
        _ main: File?, _ whole: TokenizerJSON?, path: String
    ) throws(TokenizerError) {
        func side(_ key: String, _ named: String?, _ other: String?) throws(TokenizerError)
            -> TokenizerSide
        {
            guard let named else {
                return other.flatMap { TokenizerSide(rawValue: $0.lowercased()) } ?? .right
            }
            guard let side = TokenizerSide(rawValue: named) else {
                throw .malformedConfiguration(
                    path: path, reason: "\(key) is \"\(named)\"; it must be left or right")
            }
            return side
        }
        truncationSide = try side(
            "truncation_side", main?.truncationSide, whole?.truncation?.direction)
        paddingSide = try side("padding_side", main?.paddingSide, whole?.padding?.direction)
        // Absent, or transformers' "no limit" number, means CLIP's 77.
        if let length = main?.modelMaxLength, length < 1e6 {
            guard length >= 3, let exact = Int(exactly: length) else {
                throw .malformedConfiguration(
                    path: path,
                    reason: "model_max_length is \(length); it must be a whole number from 3 on")
            }
            modelMaxLength = exact
        }
    }

    private static func added(specials: [TokenValue], extra: [AddedToken]) -> [AddedToken] {
        let known = Set(extra.map(\.content))
        var values: [TokenValue] = []
        for special in specials where !known.contains(special.content) {
            // Two identical ones are one; of a string and an object, the later one counts.
            if !values.contains(where: { $0.isSame(as: special) }) { values.append(special) }
        }
        return (extra + values.map(\.token)).filter { !$0.content.isEmpty }
    }
}

/// What fills a prompt up to 77 tokens.
package enum CLIPPadding: String, Sendable {
    /// Stable Diffusion 1.x, with CLIP's text encoder.
    case endOfText = "<|endoftext|>"
    /// Stable Diffusion 2.x, with OpenCLIP's, whose padding has the id 0.
    case exclamationMark = "!"
}

/// One of the two ends of a prompt.
package enum TokenizerSide: String, Sendable {
    case left
    case right
}

/// A token as JSON holds it: a string, or an object with `content`.
enum TokenValue: Decodable, Sendable {
    case text(String)
    case object(Object)

    struct Object: Decodable, Sendable {
        var content: String
        var normalized: Bool?
        var singleWord: Bool?
        var special: Bool?

        enum CodingKeys: String, CodingKey {
            case content, normalized, special
            case singleWord = "single_word"
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .object(try container.decode(Object.self))
        }
    }

    var content: String {
        switch self {
        case .text(let text): text
        case .object(let object): object.content
        }
    }

    var token: AddedToken {
        switch self {
        case .text(let text): AddedToken(content: text)
        case .object(let object):
            AddedToken(
                content: object.content, isNormalized: object.normalized ?? true,
                isSingleWord: object.singleWord ?? false)
        }
    }

    func isSame(as other: TokenValue) -> Bool {
        switch (self, other) {
        case (.text, .text), (.object, .object): content == other.content
        default: false
        }
    }
}

extension AddedToken {
    init(_ object: TokenValue.Object, id: Int32) {
        self.init(
            content: object.content, isNormalized: object.normalized ?? !(object.special ?? false),
            isSingleWord: object.singleWord ?? false, id: id)
    }
}

/// The keys of the configuration files that determine ids.
private struct File: Decodable {
    var bosToken: TokenValue?
    var eosToken: TokenValue?
    var unkToken: TokenValue?
    var padToken: TokenValue?
    var modelMaxLength: Double?
    var truncationSide: String?
    var paddingSide: String?
    var addedTokensDecoder: [String: TokenValue.Object]?
    var extraTokens: [TokenValue]

    enum CodingKeys: String, CodingKey {
        case bosToken = "bos_token"
        case eosToken = "eos_token"
        case unkToken = "unk_token"
        case padToken = "pad_token"
        case modelMaxLength = "model_max_length"
        case olderMaxLength = "max_len"
        case truncationSide = "truncation_side"
        case paddingSide = "padding_side"
        case addedTokensDecoder = "added_tokens_decoder"
        case additionalSpecialTokens = "additional_special_tokens"
        case extraSpecialTokens = "extra_special_tokens"
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        bosToken = try values.decodeIfPresent(TokenValue.self, forKey: .bosToken)
        eosToken = try values.decodeIfPresent(TokenValue.self, forKey: .eosToken)
        unkToken = try values.decodeIfPresent(TokenValue.self, forKey: .unkToken)
        padToken = try values.decodeIfPresent(TokenValue.self, forKey: .padToken)
        modelMaxLength =
            try values.decodeIfPresent(Double.self, forKey: .modelMaxLength)
            ?? values.decodeIfPresent(Double.self, forKey: .olderMaxLength)
        truncationSide = try values.decodeIfPresent(String.self, forKey: .truncationSide)
        paddingSide = try values.decodeIfPresent(String.self, forKey: .paddingSide)
        addedTokensDecoder = try values.decodeIfPresent(
            [String: TokenValue.Object].self, forKey: .addedTokensDecoder)
        // A dictionary here names model-specific tokens, of which CLIP has none.
        let extra = try? values.decodeIfPresent([TokenValue].self, forKey: .extraSpecialTokens)
        let additional = try values.decodeIfPresent(
            [TokenValue].self, forKey: .additionalSpecialTokens)
        extraTokens = (extra ?? nil) ?? additional ?? []
    }
}
