// SPDX-License-Identifier: Apache-2.0

import EmbeddedModel
import Evaluation
import Foundation
import GenerationTypes
import ImageCodec
import Requests
import StableDiffusion
import TestSupport
import Testing

/// The questions about a picture, and the resulting scores.
@Suite("Attributes")
struct AttributeTests {
    private let judge: JudgeConfiguration

    init() throws {
        judge = try ModelDirectory(path: try EmbeddedModel.judgeDirectory()).configuration(
            JudgeConfiguration.self, component: ".", file: "judge.json")
    }

    private typealias Object = SceneAttributes.Object

    private func scene(
        _ objects: [Object], background: String = "none", celestial: String = "sun"
    ) -> SceneAttributes {
        SceneAttributes(
            sky: "day", land: "meadow", background: background, celestial: celestial,
            objects: objects)
    }

    private let redCar = Object(object: "car", colour: "red", position: "left")
    private let pine = Object(object: "pine tree", colour: nil, position: "right")

    private func picture(
        _ asked: SceneAttributes, _ shown: SceneAttributes, caption: String = "a red car"
    ) -> JudgedPicture {
        let prompt = AttributePrompt(index: 3, prompt: caption, attributes: asked)
        return JudgedPicture(prompt, shown: shown, judge: judge)
    }

    @Test func aCompletePictureHasNoMisses() {
        let asked = scene([redCar, pine], background: "hills")
        let judged = picture(asked, asked)
        #expect(judged.misses == [])
        #expect(judged.answers[.object] == [true, true])
        // A pine has no colour to score.
        #expect(judged.answers[.colour] == [true])
        #expect(judged.answers[.position] == [true, true])
        #expect(judged.answers[.wholeObject] == [true, true])
        #expect(judged.answers[.background] == [true])
        #expect(judged.answers[.noOtherObject] == [true])
    }

    @Test func objectsNotFoundLeaveTheirQuestionsOpen() {
        var blue = redCar
        blue.colour = "blue"
        let judged = picture(scene([redCar, pine]), scene([blue]))
        #expect(judged.answers[.object] == [true, false])
        #expect(judged.answers[.colour] == [false])
        #expect(judged.answers[.position] == [true, nil])
        #expect(judged.answers[.wholeObject] == [false, false])
        #expect(judged.misses == ["car: blue, not red", "no pine tree"])
        let gone = picture(scene([redCar]), scene([]))
        #expect(gone.answers[.colour] == [nil])
        #expect(gone.answers[.position] == [nil])
    }

    @Test func unmentionedAttributesAreNotScored() {
        let shown = scene([], background: "mountains", celestial: "rainbow")
        let judged = picture(scene([], background: "none", celestial: "none"), shown)
        #expect(judged.answers[.background] == nil)
        #expect(judged.answers[.celestial] == nil)
        #expect(judged.misses == [])
        let snowman = Object(object: "snowman", colour: "green", position: "left")
        var other = snowman
        other.colour = "pink"
        let plain = picture(scene([snowman]), scene([other]), caption: "a snowman")
        #expect(plain.answers[.colour] == nil)
        #expect(plain.answers[.wholeObject] == [true])
        let dressed = picture(
            scene([snowman]), scene([other]), caption: "a snowman with a green scarf")
        #expect(dressed.answers[.colour] == [false])
    }

    @Test func otherThingsCount() {
        let judged = picture(
            scene([redCar]), scene([redCar, pine], celestial: "clouds"))
        #expect(judged.answers[.noOtherObject] == [false])
        #expect(judged.misses == ["celestial: clouds, not sun", "unasked: pine tree"])
    }

    /// Four prompts for a car: found by the first setting in three pictures, by the second in two
    /// others.
    private func table() -> AttributeTable {
        var moved = redCar
        moved.position = "right"
        func column(_ shown: [[Object]]) -> [JudgedPicture] {
            shown.map { picture(scene([redCar]), scene($0)) }
        }
        return AttributeTable(
            names: ["none", "ReToM"],
            pictures: [
                column([[redCar], [redCar], [moved], []]), column([[redCar], [], [redCar], []]),
            ])
    }

    @Test func scoresAreSharesWithIntervals() throws {
        let table = table()
        let score = table.score(0, .object)
        #expect((score.hits, score.asked) == (3, 4))
        #expect(score.share == 0.75)
        // Only asked about those found.
        let position = table.score(0, .position)
        #expect((position.hits, position.asked) == (2, 3))
        #expect(table.score(1, .position).share == 1)
        #expect(table.score(0, .background).share == nil)
        #expect(table.difference(0, .object) == nil)
        #expect(table.difference(1, .background) == nil)
    }

    @Test func differencesArePaired() throws {
        let table = table()
        let found = try #require(table.difference(1, .object))
        #expect(found.points.mean == -25)
        #expect((found.lost, found.won) == (1, 0))
        // 0, -100, 0, 0: mean -25, standard error 25, t of 3 degrees of freedom.
        #expect((found.points.halfWidth - 25 * 3.182).magnitude < 1e-6)
        let position = try #require(table.difference(1, .position))
        #expect((position.points.mean - 100.0 / 3).magnitude < 1e-9)
        // The second picture's question is open under ReToM: neither lost nor won.
        #expect((position.lost, position.won) == (0, 1))
        #expect(table.difference(1, .sky)?.points.halfWidth == 0)
    }

    @Test func theTableHasALinePerAttribute() {
        let parts = table().text.split(separator: "\n\n")
        #expect(parts.count == 2)
        let first = parts[0].split(separator: "\n")
        #expect(first.count == 2 + AttributeKind.allCases.count)
        #expect(first[0] == "none: 4 pictures")
        #expect(Set(first.dropFirst().map(\.count)).count == 1)
        let sky = first[2].split(separator: " ").joined(separator: " ")
        #expect(sky == "sky 4 / 4 100.0 % 51.0 … 100.0 %")
        #expect(parts[1].contains("points to none"))
        #expect(parts[1].contains("-25.0 ± 79.6"))
    }

    @Test(
        arguments: [
            (2000, 2000, 0.9981, 1), (1999, 2000, 0.9972, 0.9999), (3090, 3094, 0.9967, 0.9995),
            (0, 20, 0, 0.1611), (0, 0, 0, 1),
        ])
    func wilsonIntervals(hits: Int, count: Int, low: Double, high: Double) {
        let interval = WilsonInterval(hits: hits, count: count)
        #expect((interval.low - low).magnitude < 5e-5)
        #expect((interval.high - high).magnitude < 5e-5)
    }

    @Test func recordsHaveEveryAnswer() throws {
        var sources = [
            AttributeRecord.Source(merging: nil),
            AttributeRecord.Source(merging: TokenMergeConfiguration(method: "retom")),
        ]
        for index in sources.indices {
            sources[index].files = (0..<4).map { ("\($0).png", UInt64($0)) }
        }
        let record = AttributeRecord(
            table(), sources: sources, version: "v", model: "m", facts: ["25 steps"])
        let bytes = try JSONText.file(record)
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        let settings = try #require(json["settings"] as? [[String: Any]])
        #expect(settings.map { $0["name"] as? String } == ["none", "ReToM"])
        #expect(settings[0]["merging"] == nil)
        #expect((settings[1]["merging"] as? [String: Any])?["method"] as? String == "retom")
        let scores = try #require(settings[1]["attributes"] as? [[String: Any]])
        let object = try #require(scores.first { $0["attribute"] as? String == "object" })
        #expect(object["hits"] as? Int == 2)
        #expect((object["difference"] as? [String: Any])?["points"] as? Double == -25)
        let pictures = try #require(settings[0]["pictures"] as? [[String: Any]])
        #expect(pictures.count == 4)
        #expect(pictures[3]["misses"] as? [String] == ["no car"])
        let answers = try #require(pictures[3]["answers"] as? [String: [Any]])
        #expect(answers["position"]?.first is NSNull)
    }

    @Test func sheetsShowTheWorstFirst() throws {
        let good = scene([redCar])
        let pictures = [
            picture(good, good), picture(good, scene([])),
            picture(good, scene([pine], celestial: "none")),
        ]
        let sheet = AttributeSheet(pictures)
        #expect(sheet.indices == [2, 1])
        var bytes: [UInt8] = []
        try sheet.write(
            width: 64, height: 64,
            picture: {
                RGBImage(width: 64, height: 64, filledWith: .gray(UInt8(50 * $0)))
            }, sink: { bytes += $0 })
        let image = try PNG.decode(bytes).image
        #expect(image[8 + 32, 8 + 32] == .gray(100))
        #expect(AttributeSheet([pictures[0]]).indices == [])
    }
}

/// The origin of prompts and pictures.
@Suite("Attributes' input")
struct AttributeInputTests {
    private let judge: JudgeConfiguration
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        judge = try ModelDirectory(path: try EmbeddedModel.judgeDirectory()).configuration(
            JudgeConfiguration.self, component: ".", file: "judge.json")
    }

    @Test func theValidationPromptsAreThere() throws {
        let prompts = try AttributePrompt.read(
            path: try EmbeddedModel.judgeDirectory() + "/prompts.json", for: judge)
        #expect(prompts.count == 200)
        #expect(prompts.map(\.index) == Array(0..<200))
        #expect(Set(prompts.map(\.prompt)).count == 200)
        #expect(prompts[2].attributes.objects.map(\.colour) == ["red"])
    }

    @Test(
        arguments: [
            ("{\"items\": []}", "no prompts with attributes"), ("a red house", "no prompts"),
            (Self.list(sky: "green"), "item 0: no sky is called \"green\""),
            (Self.list(objects: ["ship"]), "no object is called \"ship\""),
            (Self.list(objects: ["car", "car"]), "two of car"),
        ])
    func promptsThatCantBeJudgedAreNamed(text: String, part: String) throws {
        let path = try directory.write(Array(text.utf8), to: "p.json")
        let error = #expect(throws: AttributePromptError.self) {
            try AttributePrompt.read(path: path, for: judge)
        }
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }

    private static func list(sky: String = "day", objects: [String] = []) -> String {
        let things = objects.map {
            "{\"object\": \"\($0)\", \"colour\": null, \"position\": \"left\"}"
        }
        return """
            {"items": [{"full_caption": "x", "attributes": {"sky": "\(sky)", "land": "meadow", \
            "background": "none", "celestial": "none", "objects": [\(things.joined(separator: ","))\
            ]}}]}
            """
    }

    private func prompt(_ index: Int, _ text: String) -> AttributePrompt {
        AttributePrompt(
            index: index, prompt: text,
            attributes: SceneAttributes(
                sky: "day", land: "snow", background: "none", celestial: "none", objects: []))
    }

    @Test func foldersFindPicturesByNumber() throws {
        let image = RGBImage(width: 4, height: 4, filledWith: .gray(9))
        let texts = [PNGText(keyword: "parameters", text: "a tent\nSteps: 1, Seed: 2, Size: 4x4")]
        try directory.write(try PNG.encode(image, texts: texts), to: "00000-42.png")
        try directory.write(try PNG.encode(image), to: "7.png")
        try directory.write(try PNG.encode(image), to: "grid-0000.png")
        try directory.write([1, 2], to: "00003.png")
        let folder = try PictureFolder(path: directory.path + "/")
        #expect(folder.numbers == [0, 3, 7])
        #expect(try folder.picture(of: prompt(0, "a tent")) == image)
        #expect(try folder.picture(of: prompt(7, "anything")) == image)
        #expect(throws: PictureFolderError.missing(path: directory.path, number: 1)) {
            try folder.picture(of: prompt(1, "a"))
        }
        let other = #expect(throws: PictureFolderError.self) {
            try folder.picture(of: prompt(0, "a car"))
        }
        #expect(other?.description.contains("generated from \"a tent\"") == true)
        let damaged = #expect(throws: PictureFolderError.self) {
            try folder.picture(of: prompt(3, "a car"))
        }
        #expect(damaged?.description.contains("not a PNG file") == true)
    }

    @Test func foldersThatSayTooLittleOrTooMuch() throws {
        #expect(throws: PictureFolderError.empty(path: directory.path)) {
            try PictureFolder(path: directory.path)
        }
        #expect(throws: PictureFolderError.unreadable(path: directory.file("x"))) {
            try PictureFolder(path: directory.file("x"))
        }
        try directory.write([], to: "00001-1.png")
        try directory.write([], to: "1.png")
        let error = #expect(throws: PictureFolderError.self) {
            try PictureFolder(path: directory.path)
        }
        #expect(error?.description.contains("several pictures of prompt 1") == true)
    }
}
