// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import ProcessSupport
import Requests

/// A prompt whose picture must show known attributes.
package struct AttributePrompt: Sendable, Equatable {
    /// Its index in the list, from 0.
    package var index: Int
    /// The prompt, which names every attribute.
    package var prompt: String
    /// What the picture should show.
    package var attributes: SceneAttributes

    package init(index: Int, prompt: String, attributes: SceneAttributes) {
        self.index = index
        self.prompt = prompt
        self.attributes = attributes
    }

    /// Reads prompts: `{"items": [{"full_caption": …, "attributes": {…}}, …]}`.
    ///
    /// - Parameter judge: the questions it can answer.
    /// - Throws: `AttributePromptError`.
    package static func read(
        path: String, for judge: JudgeConfiguration
    ) throws(AttributePromptError) -> [AttributePrompt] {
        guard let bytes = try? InputFile.read(path, byteCountMax: PromptList.byteCountMax) else {
            throw .unreadable(path: path)
        }
        guard let list = try? JSONDecoder().decode(List.self, from: Data(bytes)) else {
            throw .notPrompts(path: path)
        }
        guard !list.items.isEmpty else { throw .notPrompts(path: path) }
        for (index, item) in list.items.enumerated() {
            guard let problem = judge.problem(of: item.attributes) else { continue }
            throw .invalid(path: path, index: index, problem: problem)
        }
        return list.items.enumerated().map { index, item in
            AttributePrompt(index: index, prompt: item.prompt, attributes: item.attributes)
        }
    }

    private struct List: Decodable {
        var items: [Item]
    }

    private struct Item: Decodable {
        var prompt: String
        var attributes: SceneAttributes

        private enum CodingKeys: String, CodingKey {
            case attributes
            case prompt = "full_caption"
        }
    }

    /// Whether the colour is scored: a caption without a scarf does not mention a snowman's colour.
    func asksColour(of object: SceneAttributes.Object, judge: JudgeConfiguration) -> Bool {
        guard object.colour != nil, judge.coloured.contains(object.object) else { return false }
        return object.object != "snowman" || prompt.contains("scarf")
    }
}

extension JudgeConfiguration {
    /// What cannot be scored in a scene; `nil` if everything can.
    fileprivate func problem(of scene: SceneAttributes) -> String? {
        func check(_ what: String, _ value: String, _ known: [String]) -> String? {
            if known.contains(value) { return nil }
            return "no \(what) is called \"\(value)\"; choose from \(known.joined(separator: ", "))"
        }
        let wholes = [
            check("sky", scene.sky, values.sky), check("land", scene.land, values.land),
            check("background", scene.background, values.background),
            check("celestial", scene.celestial, values.celestial),
        ]
        let parts = scene.objects.flatMap { object in
            [
                check("object", object.object, kinds),
                object.colour.flatMap { check("colour", $0, colours) },
                check("position", object.position, positions),
            ]
        }
        if let problem = (wholes + parts).lazy.compactMap({ $0 }).first { return problem }
        let names = scene.objects.map(\.object)
        let twice = names.first { name in names.count { $0 == name } > 1 }
        return twice.map { "it asks for two of \($0); the judge can't tell them apart" }
    }
}

/// Why prompts with attributes cannot be used.
package enum AttributePromptError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String)
    case notPrompts(path: String)
    case invalid(path: String, index: Int, problem: String)

    /// The problem and its remedy.
    package var description: String {
        switch self {
        case .unreadable(let path): "cannot read prompts from \(path)"
        case .notPrompts(let path):
            """
            \(path) holds no prompts with attributes; it must be JSON like \
            {"items": [{"full_caption": "…", "attributes": {"sky": "day", "land": "meadow", \
            "background": "none", "celestial": "sun", "objects": [{"object": "house", \
            "colour": "red", "position": "left"}]}}]}
            """
        case .invalid(let path, let index, let problem): "\(path), item \(index): \(problem)"
        }
    }
}
