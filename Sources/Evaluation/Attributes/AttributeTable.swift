// SPDX-License-Identifier: Apache-2.0

import Requests

/// How often an attribute is right.
package struct AttributeScore: Sendable, Hashable {
    package let hits: Int
    package let asked: Int

    /// - Parameter answers: right or wrong; open ones do not count.
    init(_ answers: [Bool?]) {
        let closed = answers.compactMap { $0 }
        hits = closed.count { $0 }
        asked = closed.count
    }

    /// 0…1; `nil` if nothing was asked.
    package var share: Double? { asked > 0 ? Double(hits) / Double(asked) : nil }
    package var interval: WilsonInterval { WilsonInterval(hits: hits, count: asked) }
}

/// The change of one setting relative to another on pictures of the same prompts.
package struct AttributeDifference: Sendable, Hashable {
    /// This setting's share minus the other's, in points, with its 95 % confidence interval.
    ///
    /// Both shares are ratios of sums over pictures, so the interval is that of paired ratios:
    /// pictures are a random sample, but the questions about one picture are not independent.
    package let points: MeanInterval
    /// Questions that the other setting answers right and this one wrong.
    package let lost: Int
    /// Questions that this setting answers right and the other one wrong.
    package let won: Int

    /// - Parameters:
    ///   - answers: by picture.
    ///   - others: by picture, to the same questions.
    /// - Returns: `nil` if one of them was asked nothing.
    init?(_ answers: [[Bool?]], to others: [[Bool?]]) {
        precondition(answers.count == others.count, "different prompts")
        guard let contributions = Self.contributions(answers),
            let otherContributions = Self.contributions(others)
        else { return nil }
        points = MeanInterval(zip(contributions, otherContributions).map { 100 * ($0 - $1) })
        let pairs = zip(answers, others).flatMap { zip($0, $1) }
        lost = pairs.count { $0.0 == false && $0.1 == true }
        won = pairs.count { $0.0 == true && $0.1 == false }
    }

    /// One number per picture: their mean is the share, their spread that of the share (its
    /// linearisation, Cochran's Sampling Techniques, 6.3).
    private static func contributions(_ answers: [[Bool?]]) -> [Double]? {
        let scores = answers.map { AttributeScore($0) }
        let total = AttributeScore(answers.flatMap { $0 })
        guard let share = total.share else { return nil }
        let scale = Double(scores.count) / Double(total.asked)
        return scores.map { share + scale * (Double($0.hits) - share * Double($0.asked)) }
    }
}

/// The judge's verdict on the pictures of some settings, for people.
package struct AttributeTable: Sendable {
    /// The settings' names; differences are to the first.
    package let names: [String]
    /// By setting, then by picture; all settings have the same prompts.
    package let pictures: [[JudgedPicture]]

    package init(names: [String], pictures: [[JudgedPicture]]) {
        precondition(names.count == pictures.count, "\(names.count) names")
        self.names = names
        self.pictures = pictures
    }

    /// How often an attribute is right under a setting.
    package func score(_ setting: Int, _ kind: AttributeKind) -> AttributeScore {
        AttributeScore(answers(setting, kind).flatMap { $0 })
    }

    /// The change of a setting relative to the first; `nil` for the first, and if nothing was
    /// asked.
    package func difference(_ setting: Int, _ kind: AttributeKind) -> AttributeDifference? {
        guard setting > 0 else { return nil }
        return AttributeDifference(answers(setting, kind), to: answers(0, kind))
    }

    private func answers(_ setting: Int, _ kind: AttributeKind) -> [[Bool?]] {
        pictures[setting].map { $0.answers[kind] ?? [] }
    }

    /// A table per setting, in columns for a terminal.
    package var text: String {
        names.indices.map { setting in
            let count = pictures[setting].count
            let title = "\(TerminalText.sanitized(names[setting])): \(count) pictures\n"
            let lines = AttributeKind.allCases.map { cells(setting, $0) }
            return title + TerminalText.table([heads(setting)] + lines)
        }.joined(separator: "\n")
    }

    private func heads(_ setting: Int) -> [String] {
        let heads = ["attribute", "hits / asked", "share", "95 % interval"]
        guard setting > 0 else { return heads }
        return heads + ["points to \(TerminalText.sanitized(names[0]))", "lost", "won"]
    }

    private func cells(_ setting: Int, _ kind: AttributeKind) -> [String] {
        let score = score(setting, kind)
        var cells = [kind.rawValue, "\(score.hits) / \(score.asked)"]
        if let share = score.share {
            let interval = score.interval
            cells += [
                "\(percent(share)) %", "\(percent(interval.low)) … \(percent(interval.high)) %",
            ]
        } else {
            cells += ["–", "–"]
        }
        guard setting > 0 else { return cells }
        guard let difference = difference(setting, kind) else { return cells + ["–", "–", "–"] }
        let points = difference.points
        let sign = points.mean > 0 ? "+" : ""
        var text = sign + TerminalText.decimal(points.mean, digits: 1)
        // If no pictures differ there is no spread from which to compute a width.
        if points.halfWidth.isFinite, points.halfWidth > 0 {
            text += " ± " + TerminalText.decimal(points.halfWidth, digits: 1)
        }
        return cells + [text, "\(difference.lost)", "\(difference.won)"]
    }

    private func percent(_ share: Double) -> String {
        TerminalText.decimal(100 * share, digits: 1)
    }
}
