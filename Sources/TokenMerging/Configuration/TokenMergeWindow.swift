// SPDX-License-Identifier: Apache-2.0

/// Side length of ReToM's windows, in tokens.
package enum TokenMergeWindow: Sendable, Hashable {
    /// Graded with the depth of the U-Net: side = 2 · downsample (64²: 2, 32²: 4, 16²: 8, 8²: all).
    case adaptive
    /// The paper's Figure 1 to the letter: 2 in the down and up blocks, 8 in the bottleneck.
    case adaptiveLiteral
    /// The same everywhere (2, 8 and 16 in the paper's Table I).
    case fixed(Int)
    /// One side per level, at downsample 1, 2, 4, …; the last also for all deeper levels.
    case levels([Int])

    /// The window's side at one place of the network, before it is clamped to the map.
    package func side(at site: TokenMergeSite) -> Int {
        switch self {
        case .adaptive: 2 * site.downsample
        case .adaptiveLiteral: site.isBottleneck ? 8 : 2
        case .fixed(let side): side
        case .levels(let sides): sides[min(site.level, sides.count - 1)]
        }
    }

    /// Reads the value of `--merge-window`: `adaptive`, `adaptive-literal`, `8` or `2,4,8,8`.
    package init(parsing text: String) throws(TokenMergeConfigurationError) {
        switch text {
        case "adaptive": self = .adaptive
        case "adaptive-literal": self = .adaptiveLiteral
        default:
            var sides: [Int] = []
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let side = Int(part), side > 0 else { throw .window(text) }
                sides.append(side)
            }
            self = sides.count == 1 ? .fixed(sides[0]) : .levels(sides)
        }
    }

    var isValid: Bool {
        switch self {
        case .adaptive, .adaptiveLiteral: true
        case .fixed(let side): side > 0
        case .levels(let sides): !sides.isEmpty && sides.allSatisfy { $0 > 0 }
        }
    }
}

extension TokenMergeWindow: CustomStringConvertible {
    /// What `init(parsing:)` reads back.
    package var description: String {
        switch self {
        case .adaptive: "adaptive"
        case .adaptiveLiteral: "adaptive-literal"
        case .fixed(let side): "\(side)"
        case .levels(let sides): sides.map { "\($0)" }.joined(separator: ",")
        }
    }
}

extension TokenMergeWindow: Codable {
    /// Reads a side length or any text that `init(parsing:)` takes.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let side = try? container.decode(Int.self) {
            self = .fixed(side)
        } else {
            self = try TokenMergeWindow(parsing: container.decode(String.self))
        }
    }

    /// Writes a side length or a text.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .fixed(let side) = self {
            try container.encode(side)
        } else {
            try container.encode(description)
        }
    }
}
