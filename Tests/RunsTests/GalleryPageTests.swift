// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Requests
import Runs
import Testing

@Suite struct GalleryPageTests {
    @Test func everyImageHasItsPictureOrItsReason() {
        let html = GalleryPage(report: SampleRun.report()).html
        #expect(html.contains("<img src=\"00000-42.png\" width=\"48\" height=\"32\""))
        #expect(html.contains("<img src=\"00001-43.png\""))
        #expect(html.contains("alt=\"a blue boat\""))
        #expect(html.contains("Failed after 3 attempts</b>NaN after step 3 &lt;of 25&gt;"))
        #expect(html.contains("<li>seed 44</li>"))
        #expect(html.contains("<li>127.0.0.1:7400</li><li>4.0 s</li>"))
        #expect(html.contains("title=\"text 500 ms, sampling 2.5 s, decoding 1.0 s\""))
        #expect(html.contains("lost: killed"))
        #expect(html.contains("2 of 3"))
        #expect(html.contains("href=\"grid-0000.png\""))
    }

    /// A run that went on the next day did not take a day.
    @Test func pausesAreNoTimePerPicture() {
        var report = SampleRun.report()
        #expect(GalleryPage(report: report).html.contains("per picture"))
        report.run.sessionCount = 2
        let html = GalleryPage(report: report).html
        #expect(!html.contains("per picture") && html.contains("in all, with pauses"))
    }

    @Test func nothingIsLoadedFromElsewhereAndNothingRuns() {
        let html = GalleryPage(report: SampleRun.report()).html
        for word in ["http://", "https://", "//", "<script", "url(", "@import", "javascript:"] {
            #expect(!html.contains(word), "\(word)")
        }
    }

    @Test(arguments: [
        "<script>alert(1)</script>", "\" onerror=\"alert(1)", "'><img src=x onerror=alert(1)>",
        "</style></title><h1>", "&lt;b&gt;", "]]><!--",
    ])
    func hostileTextsAreOnlyText(text: String) {
        var images = SampleRun.images(prompts: [text, text, text])
        images[0].worker = text
        images[1].request.negativePrompt = text
        images[2].reasons = [text]
        var report = SampleRun.report(images)
        report.run.model.name = text
        report.run.settings = [text: text]
        report.run.workers[1].lostReason = text
        report.run.workers[1].kernelClass = text
        let html = GalleryPage(report: report).html
        #expect(!html.contains(text))
        for tag in ["<script", "<h1></", "onerror=\"", "<img src=x", "<!--", "]]>"] {
            #expect(!html.contains(tag), "\(tag)")
        }
        #expect(html.components(separatedBy: "<h1>").count == 2)
    }

    @Test func controlAndDirectionCharactersDoNoHarm() {
        let images = SampleRun.images(prompts: ["a\u{0}b\u{1B}[31m\u{202E}c\nd", "", "x"])
        let html = GalleryPage(report: SampleRun.report(images)).html
        #expect(html.contains("a\u{FFFD}b\u{FFFD}[31mc\nd"))
        #expect(!html.unicodeScalars.contains("\u{202E}"))
        #expect(html.contains("(no prompt)"))
    }

    @Test func aFileNameCannotLeaveTheDirectoryOfItsLink() {
        var images = SampleRun.images()
        images[0].file = "a b/../\"x\".png"
        let html = GalleryPage(report: SampleRun.report(images)).html
        #expect(html.contains("src=\"a%20b%2F..%2F%22x%22.png\""))
    }

    @Test func sharedSettingsAreSaidOnceAndOwnOnesPerPicture() {
        var images = SampleRun.images()
        let same = GalleryPage(report: SampleRun.report(images)).html
        #expect(same.contains("<span>25 steps</span>"))
        #expect(!same.contains("<li>25 steps</li>"))
        images[1].request.inferenceStepCount = 30
        images[1].request.negativePrompt = "blur"
        let different = GalleryPage(report: SampleRun.report(images)).html
        #expect(!different.contains("<span>25 steps</span>"))
        #expect(different.contains("<li>25 steps</li>"))
        #expect(different.contains("<li>30 steps</li>"))
        #expect(different.contains("not: blur"))
        #expect(different.contains("<span>DDIM</span>"))
    }

    @Test func anEmptyRunIsAPageToo() {
        let html = GalleryPage(report: SampleRun.report([])).html
        #expect(html.contains("<h1>0 pictures</h1>"))
        #expect(html.hasSuffix("</html>\n"))
    }
}
