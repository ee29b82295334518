// SPDX-License-Identifier: Apache-2.0

/// Why a merge configuration can't be used; the text names the option that mends it.
public enum TokenMergeConfigurationError: Error, Equatable, CustomStringConvertible {
    case unknownMethod(String, known: [String])
    /// A value that an option doesn't take; no value where it is not even of any kind.
    case optionValue(key: String, value: String?, allowed: String, flag: String)
    /// Every token would be a destination.
    case stride
    case scopeNotSupported(method: String, scope: TokenMergeScope)
    case modulesNotSupported(scope: TokenMergeScope)
    case needsGuidance(method: String)
    case tooManyTokens(method: String, count: Int, limit: Int)

    /// What is wrong, and what to do.
    public var description: String {
        switch self {
        case .unknownMethod(let name, let known):
            "no merge method \"\(name)\"; choose --merge \(known.joined(separator: "|"))"
        case .optionValue(let key, let value, let allowed, let flag):
            "\(key)\(value.map { " \($0)" } ?? ""): choose \(allowed) with --\(flag)"
        case .stride:
            "a destination for every token: choose sx or sy above 1 with --merge-sx or --merge-sy"
        case .scopeNotSupported(let method, let scope):
            """
            --merge \(method) does not work with --merge-scope \(scope.rawValue): it merges keys \
            and values only; leave the scope out
            """
        case .modulesNotSupported(let scope):
            """
            --merge-scope \(scope.rawValue) merges self-attention only; switch merge_crossattn \
            and merge_mlp off, or use the scope qkv
            """
        case .needsGuidance(let method):
            """
            --merge \(method) weighs tokens by what classifier-free guidance changes: raise \
            --cfg-scale above 1 or choose another method (models distilled with guidance, such as \
            LCM, have none)
            """
        case .tooManyTokens(let method, let count, let limit):
            """
            --merge \(method) compares all pairs of tokens; \(count) tokens are more than its \
            limit of \(limit): choose a smaller picture with -W and -H, or --merge retom
            """
        }
    }
}
