// SPDX-License-Identifier: Apache-2.0

/// Side length of ReToM's windows, in tokens.
public enum TokenMergeWindow: Sendable, Hashable {
    /// Graded with the depth of the U-Net: side = 2 · downsample (64²: 2, 32²: 4, 16²: 8, 8²: all).
    case adaptive
    /// The paper's Figure 1 to the letter: 2 in the down and up blocks, 8 in the bottleneck.
    case adaptiveLiteral
    /// The same everywhere (2, 8 and 16 in the paper's Table I).
    case fixed(Int)
    /// One side per level, at downsample 1, 2, 4, …; the last also for all deeper levels.
    case levels([Int])

    /// Reads the value of `--merge-window`: `adaptive`, `adaptive-literal`, `8` or `2,4,8,8`.
    public init(parsing text: String) throws(TokenMergeConfigurationError) {
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

    /// Sides that make sense: no map is larger.
    private static let sides = 1...4096
    /// Most levels that a list may name.
    public static let levelCountMax = 8

    var isValid: Bool {
        switch self {
        case .adaptive, .adaptiveLiteral: true
        case .fixed(let side): Self.sides.contains(side)
        case .levels(let sides):
            (1...Self.levelCountMax).contains(sides.count)
                && sides.allSatisfy(Self.sides.contains)
        }
    }
}

extension TokenMergeWindow: CustomStringConvertible {
    /// What `init(parsing:)` reads back.
    public var description: String {
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
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let side = try? container.decode(Int.self) {
            self = .fixed(side)
        } else {
            self = try TokenMergeWindow(parsing: container.decode(String.self))
        }
    }

    /// Writes a side length or a text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .fixed(let side) = self {
            try container.encode(side)
        } else {
            try container.encode(description)
        }
    }
}
