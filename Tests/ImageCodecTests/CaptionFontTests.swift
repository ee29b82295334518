// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Testing

@Suite struct CaptionFontTests {
    private let font = CaptionFont(size: 16)

    @Test func wordsWrapWithinTheWidth() {
        let lines = font.lines(
            of: "a red house in the snow under a starry sky", width: 120, lineCountMax: 5)
        #expect(lines.count > 1)
        #expect(lines.joined(separator: " ") == "a red house in the snow under a starry sky")
        for line in lines { #expect(font.width(of: line) <= 120) }
    }

    @Test func whatDoesNotFitEndsInAnEllipsis() {
        let text = String(repeating: "castle on a hill, ", count: 30)
        let lines = font.lines(of: text, width: 140, lineCountMax: 2)
        #expect(lines.count == 2)
        #expect(lines[1].hasSuffix("…"))
        #expect(!lines[1].hasSuffix(",…"))
        for line in lines { #expect(font.width(of: line) <= 140) }
    }

    @Test func aWordWiderThanTheLineIsBroken() {
        let word = String(repeating: "x", count: 60)
        let lines = font.lines(of: word, width: 100, lineCountMax: 20)
        #expect(lines.joined() == word)
        for line in lines { #expect(font.width(of: line) <= 100) }
    }

    @Test func emptyTextAndNoLinesGiveNothing() {
        #expect(font.lines(of: " \n\t ", width: 100, lineCountMax: 3).isEmpty)
        #expect(font.lines(of: "a house", width: 100, lineCountMax: 0).isEmpty)
    }

    @Test(.timeLimit(.minutes(5))) func hugePromptsAreCheap() {
        let text = String(repeating: "word ", count: 200_000)
        #expect(font.lines(of: text, width: 200, lineCountMax: 3).count == 3)
    }

    /// The area covered by a filled letter is its outline's area, whatever its position.
    @Test func coverageIsExact() {
        func ink(_ text: String, x: Int) -> Double {
            var image = RGBImage(width: 120, height: 80)
            CaptionFont(size: 50).draw(text, into: &image, x: x, y: 4, color: .gray(255))
            return image.bytes.reduce(0) { $0 + Double($1) } / (3 * 255)
        }
        // The hollow box of an unknown character: (110·180 − 82·152) units² at 50/256 pixels.
        let scale = 50.0 / 256
        let expected = (110 * 180 - 82 * 152) * scale * scale
        #expect(abs(ink("雪", x: 20) - expected) < 0.01 * expected)
        #expect(abs(ink("S", x: 20) - ink("S", x: 57)) < 1e-9)
        #expect(ink(" ", x: 20) == 0)
    }

    @Test func lettersOutsideThePictureAreCutOff() {
        var image = RGBImage(width: 10, height: 10)
        font.draw("a long line of text", into: &image, x: -30, y: -8, color: .gray(255))
        font.draw("beyond", into: &image, x: 400, y: 400, color: .gray(255))
        #expect(image.width == 10)
    }

    @Test func accentsGreekAndCyrillicHaveShapes() {
        let box = font.width(of: "雪")
        let boxed = "éüßñøčşőžžαβγдомЙё…–“”€".filter { font.width(of: String($0)) == box }
        #expect(boxed.count <= 1, "\(boxed)")
    }

    @Test func controlCharactersAndJoinersTakeNoRoom() {
        #expect(font.width(of: "\u{1B}\u{200D}\u{FE0F}\u{7}") == 0)
    }
}
