// SPDX-License-Identifier: Apache-2.0

/// One picture compared with what it should show.
///
/// Matches `told_truth` and `hits` in scripts/train/judge.py and judge_net.py.
package struct JudgedPicture: Sendable {
    /// The requested scene.
    package let prompt: AttributePrompt
    /// The scene recognised by the judge.
    package let shown: SceneAttributes
    /// Right or wrong, one per question; `nil` if an object that was not found leaves the question
    /// open.
    ///
    /// The same prompt has the same questions in the same order, whatever the picture shows.
    package private(set) var answers: [AttributeKind: [Bool?]] = [:]
    /// The mistakes, for people: `no car`, `tent blue, not red`.
    package private(set) var misses: [String] = []

    package init(_ prompt: AttributePrompt, shown: SceneAttributes, judge: JudgeConfiguration) {
        self.prompt = prompt
        self.shown = shown
        let asked = prompt.attributes
        compare(.sky, shown.sky, asked.sky)
        compare(.land, shown.land, asked.land)
        if asked.background != SceneAttributes.nothing {
            compare(.background, shown.background, asked.background)
        }
        if asked.celestial != SceneAttributes.nothing {
            compare(.celestial, shown.celestial, asked.celestial)
        }
        for object in asked.objects {
            let asksColour = prompt.asksColour(of: object, judge: judge)
            compare(object, asksColour: asksColour, with: shown.object(object.object))
        }
        let others = shown.objects.filter { asked.object($0.object) == nil }
        answers[.noOtherObject] = [others.isEmpty]
        misses += others.map { "unasked: \($0.object)" }
    }

    private mutating func compare(_ kind: AttributeKind, _ shown: String, _ asked: String) {
        answers[kind] = [shown == asked]
        if shown != asked { misses.append("\(kind.rawValue): \(shown), not \(asked)") }
    }

    private mutating func compare(
        _ object: SceneAttributes.Object, asksColour: Bool, with found: SceneAttributes.Object?
    ) {
        let hasColour = found.map { $0.colour == object.colour }
        let hasPosition = found.map { $0.position == object.position }
        answers[.object, default: []].append(found != nil)
        if asksColour { answers[.colour, default: []].append(hasColour) }
        answers[.position, default: []].append(hasPosition)
        let isWhole = (hasPosition ?? false) && (!asksColour || hasColour ?? false)
        answers[.wholeObject, default: []].append(isWhole)
        guard let found else { return misses.append("no \(object.object)") }
        if asksColour, hasColour == false {
            misses.append(
                "\(object.object): \(found.colour ?? "?"), not \(object.colour ?? "?")")
        }
        if hasPosition == false {
            misses.append("\(object.object): \(found.position), not \(object.position)")
        }
    }
}
