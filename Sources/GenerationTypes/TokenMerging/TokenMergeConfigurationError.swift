// SPDX-License-Identifier: Apache-2.0

/// Why a merge configuration can't be used; the text names the option that mends it.
public enum TokenMergeConfigurationError: Error, Equatable, CustomStringConvertible {
    case unknownMethod(String, known: [String])
    case ratio(Double)
    case maximumDownsample(Int)
    case period(Int)
    case refreshCalls
    case window(String)
    case alpha(String)
    case stride(x: Int, y: Int)
    case downsampleFactor(Int)
    case importance
    case scopeNotSupported(method: String, scope: TokenMergeScope)
    case modulesNotSupported(scope: TokenMergeScope)
    case needsGuidance(method: String)
    case tooManyTokens(method: String, count: Int, limit: Int)

    /// What is wrong, and what to do.
    public var description: String {
        switch self {
        case .unknownMethod(let name, let known):
            "no merge method \"\(name)\"; choose --merge \(known.joined(separator: "|"))"
        case .ratio(let ratio):
            "a merge ratio of \(ratio): choose from 0 to 1 with --merge-ratio (0.5 merges half)"
        case .maximumDownsample(let value):
            "a maximum downsample of \(value): choose 1 (top level), 2, 4 or 8 (all levels)"
        case .period(let period):
            "a merge period of \(period): choose 1 (every step) or more with --merge-period"
        case .refreshCalls:
            """
            a list of refreshes names U-Net calls from 0, as in --merge-refresh 0,5,12; at most \
            \(TokenMergeConfiguration.refreshCallCountMax) of them
            """
        case .window(let text):
            """
            a merge window of \"\(text)\": choose adaptive, adaptive-literal, a side in tokens \
            (2, 8, 16), one side per level (2,4,8,8) or per stage (down:2,mid:8,up:2) with \
            --merge-window
            """
        case .alpha(let text):
            "a merge alpha of \"\(text)\": choose mean or a number from 0 to 1 with --merge-alpha"
        case .stride(let x, let y):
            "a destination stride of \(x)×\(y): sx and sy are 1 or more, and not both 1"
        case .downsampleFactor(let factor): "a downsample factor of \(factor): choose 1 to 64"
        case .importance: "the importance pool is at least 1 and the warm-up 0 calls or more"
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
