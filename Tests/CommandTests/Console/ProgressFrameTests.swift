// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import RunDisplay
import Runs
import TestSupport
import Testing

@Suite struct ProgressFrameTests {
    private func progress(workers: Int = 2) -> RunProgress {
        var progress = RunProgress()
        progress.apply(
            .runStarted(stepCounts: Array(repeating: 20, count: 100), baseSeed: 42), at: 0)
        for worker in 0..<workers {
            let name = "127.0.0.1:\(7400 + worker)"
            progress.apply(.workerConnected(worker: name, kernelClass: "k"), at: 0)
            progress.apply(
                .imageStarted(image: ImageNumber(worker), worker: name, attempt: 1), at: 0)
            progress.apply(
                .imageProgress(image: ImageNumber(worker), worker: name, step: 10, stepCount: 20),
                at: 5)
        }
        return progress
    }

    private func lines(
        _ progress: RunProgress, columns: Int = 80, rows: Int = 24, usesUnicode: Bool = true
    ) -> [String] {
        ProgressFrame.lines(
            progress, remainingSeconds: 125,
            prompts: ["a red house in the snow", "雪の中の\u{1B}[31m赤い家"], columns: columns,
            rows: rows, usesUnicode: usesUnicode
        ).map { $0.rendered(width: columns - 1, usesColor: false) }
    }

    @Test func aFrameHasABarAndALinePerWorker() {
        #expect(
            lines(progress()) == [
                "   0/100 images ▕▎                           ▏   1 %   4.00 steps/s   2:05 left",
                "  127.0.0.1:7400  #0  ━━━━━───── 10/20  a red house in the snow",
                "  127.0.0.1:7401  #1  ━━━━━───── 10/20  雪の中の [31m赤い家",
            ])
    }

    @Test func asciiTerminalsGetAscii() {
        let frame = lines(progress(workers: 1), usesUnicode: false)
        #expect(frame[0].contains("[......"))
        #expect(frame[1] == "  127.0.0.1:7400  #0  =====----- 10/20  a red house in the snow")
    }

    @Test(arguments: [1, 2, 5, 10, 20, 30, 40, 60, 79, 80, 120, 300])
    func everyWidthIsRespected(columns: Int) {
        for line in lines(progress(workers: 3), columns: columns) {
            #expect(TerminalText.columnCount(line) < max(columns, 2), "\(line)")
        }
    }

    @Test func lowTerminalsShowFewerWorkers() {
        let frame = lines(progress(workers: 40), rows: 8)
        #expect(frame.count == 7)
        #expect(frame.last == "  and 35 more workers")
        #expect(lines(progress(workers: 40), rows: 24).count == 17)
        #expect(lines(progress(workers: 3), rows: 2).count == 1)
    }

    @Test func idleLostAndFailedAreShown() {
        var progress = progress()
        progress.apply(.imageFailed(image: 0, reason: "x"), at: 6)
        progress.apply(.workerLost(worker: "127.0.0.1:7401", reason: "x"), at: 6)
        progress.apply(.workerConnected(worker: "third", kernelClass: "k"), at: 6)
        let frame = lines(progress)
        #expect(frame.count == 3)
        #expect(frame[0].contains("1 failed"))
        #expect(frame[1] == "  127.0.0.1:7400  ready")
        #expect(frame[2] == "  third           ready")
    }

    @Test func colorsAreWrittenOnlyWhenWanted() {
        var line = StyledLine()
        line.add("bad", .bad)
        line.add(" plain")
        #expect(line.rendered(width: 80, usesColor: true) == "\u{1B}[31mbad\u{1B}[0m plain")
        #expect(line.rendered(width: 80, usesColor: false) == "bad plain")
        #expect(line.rendered(width: 5, usesColor: true) == "\u{1B}[31mbad\u{1B}[0m …")
        #expect(line.rendered(width: 3, usesColor: true) == "\u{1B}[31mbad\u{1B}[0m")
        #expect(line.rendered(width: 0, usesColor: true) == "")
    }
}

@Suite struct TerminalTextTests {
    @Test func controlCharactersAreTakenOut() {
        #expect(
            TerminalText.sanitized("a\u{1B}[2Jb\n\tc\u{7F}\u{9B}d\u{202E}\u{2028}")
                == "a [2Jb  c  d ")
    }

    @Test func columnsAreCounted() {
        #expect(TerminalText.columnCount("abc") == 3)
        #expect(TerminalText.columnCount("雪の家") == 6)
        #expect(TerminalText.columnCount("e\u{301}") == 1)
        #expect(TerminalText.columnCount("👩‍👩‍👧") == 2)
        #expect(TerminalText.columnCount("❤️") == 2)
        #expect(TerminalText.columnCount("é–…“”") == 5)
    }

    @Test func textsAreCutByColumns() {
        #expect(TerminalText.truncated("abcdef", width: 6) == "abcdef")
        #expect(TerminalText.truncated("abcdef", width: 5) == "abcd…")
        #expect(TerminalText.truncated("雪の家", width: 5) == "雪の…")
        #expect(TerminalText.truncated("雪の家", width: 4) == "雪…")
        #expect(TerminalText.truncated("abc", width: 0) == "")
    }

    @Test(
        arguments: [
            (0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03"),
            (97_300, "1 d 3 h"), (.infinity, "–"), (-1, "–"), (.nan, "–"),
        ] as [(Double, String)])
    func durationsReadWell(seconds: Double, text: String) {
        #expect(TerminalText.duration(seconds) == text)
    }

    @Test func decimalsAreRounded() {
        #expect(TerminalText.decimal(3.14159, digits: 2) == "3.14")
        #expect(TerminalText.decimal(2.999, digits: 1) == "3.0")
        #expect(TerminalText.decimal(0.05, digits: 1) == "0.1")
        #expect(TerminalText.decimal(-1.26, digits: 1) == "-1.3")
        #expect(TerminalText.decimal(1.005, digits: 3) == "1.005")
        #expect(TerminalText.decimal(17, digits: 0) == "17")
        #expect(TerminalText.decimal(.nan, digits: 1) == "–")
    }
}
