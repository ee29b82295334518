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
    /// On the way down and up likewise, and one side in the bottleneck.
    case stages(down: [Int], mid: Int, up: [Int])

    /// Reads the value of `--merge-window`: `adaptive`, `adaptive-literal`, `8`, `2,4,8,8`,
    /// `down:2,mid:8,up:2` or, with sides per level, `down:2/4/8,mid:8,up:2/4`.
    public init?(parsing text: String) {
        switch text {
        case "adaptive": self = .adaptive
        case "adaptive-literal": self = .adaptiveLiteral
        default:
            if text.contains(":") {
                guard let stages = Self.stages(text) else { return nil }
                self = stages
                return
            }
            guard let sides = Self.sides(text, separator: ",") else { return nil }
            self = sides.count == 1 ? .fixed(sides[0]) : .levels(sides)
        }
    }

    private static func stages(_ text: String) -> TokenMergeWindow? {
        var stages: [Substring: [Int]] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: ":", omittingEmptySubsequences: false)
            guard words.count == 2, let sides = sides(words[1], separator: "/"),
                stages.updateValue(sides, forKey: words[0]) == nil
            else { return nil }
        }
        guard stages.count == 3, let down = stages["down"], let up = stages["up"],
            let mid = stages["mid"], mid.count == 1
        else { return nil }
        return .stages(down: down, mid: mid[0], up: up)
    }

    /// Numbers above 0 with separators between them; none where there is anything else.
    private static func sides(_ text: some StringProtocol, separator: Character) -> [Int]? {
        var sides: [Int] = []
        for part in text.split(separator: separator, omittingEmptySubsequences: false) {
            guard let side = Int(part), side > 0 else { return nil }
            sides.append(side)
        }
        return sides
    }

    /// Longest side that makes sense: no map is larger.
    public static let sideMax = 4096
    /// Most levels that a list may name.
    public static let levelCountMax = 8

    private static func areValid(_ sides: [Int]) -> Bool {
        (1...levelCountMax).contains(sides.count) && sides.allSatisfy((1...sideMax).contains)
    }

    var isValid: Bool {
        switch self {
        case .adaptive, .adaptiveLiteral: true
        case .fixed(let side): (1...Self.sideMax).contains(side)
        case .levels(let sides): Self.areValid(sides)
        case .stages(let down, let mid, let up):
            Self.areValid(down) && Self.areValid([mid]) && Self.areValid(up)
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
        case .levels(let sides): Self.text(sides, separator: ",")
        case .stages(let down, let mid, let up):
            "down:\(Self.text(down, separator: "/")),mid:\(mid),up:\(Self.text(up, separator: "/"))"
        }
    }
}

extension TokenMergeWindow {
    private static func text(_ sides: [Int], separator: String) -> String {
        sides.map { "\($0)" }.joined(separator: separator)
    }
}

extension TokenMergeWindow: TokenMergeOptionValue {
    /// Takes a side length or any text that `init(parsing:)` takes.
    public init?(mergeValue value: TokenMergeValue) {
        switch value {
        case .whole(let side): self = .fixed(side)
        case .text(let text): self.init(parsing: text)
        case .flag, .number, .list: return nil
        }
    }

    /// A side length or a text.
    public var mergeValue: TokenMergeValue {
        if case .fixed(let side) = self { .whole(side) } else { .text(description) }
    }
}
