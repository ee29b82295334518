// SPDX-License-Identifier: Apache-2.0

/// The measurements of one picture: all that is kept of it.
package struct EvidencePicture: Sendable, Equatable {
    /// Position in the plan, the same in every row; the seed follows from it.
    package var index: Int
    /// Tells prompts apart: 24 bits, which an f32 holds.
    package var promptDigest: Int
    /// For Fréchet distances.
    package var features: [Float]
    /// 100 × cosine of picture and prompt, at least 0; NaN if not measured.
    package var clip: Double
    /// To the unmerged picture of the same seed, in dB; infinite for the same picture, NaN if not
    /// measured.
    package var psnr: Double
    /// To the unmerged picture of the same seed; NaN if not measured.
    package var ssim: Double
    /// To the unmerged picture of the same seed; NaN if not measured.
    package var lpips: Double
    /// Answers of the judge by attribute: right ones, and all that were closed; empty without a
    /// judge.
    package var answers: [AttributeKind: Answers]

    /// How many answers are right.
    package struct Answers: Sendable, Equatable {
        package var hits: Int
        package var asked: Int

        package init(hits: Int, asked: Int) {
            self.hits = hits
            self.asked = asked
        }
    }

    package init(
        index: Int, promptDigest: Int, features: [Float], clip: Double = .nan,
        psnr: Double = .nan, ssim: Double = .nan, lpips: Double = .nan,
        answers: [AttributeKind: Answers] = [:]
    ) {
        self.index = index
        self.promptDigest = promptDigest
        self.features = features
        self.clip = clip
        self.psnr = psnr
        self.ssim = ssim
        self.lpips = lpips
        self.answers = answers
    }

    /// 24 bits of FNV-1a over a prompt's UTF-8.
    package static func digest(of prompt: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in prompt.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int((hash ^ (hash >> 24) ^ (hash >> 48)) & 0xFF_FFFF)
    }

    /// Right answers and closed questions over all attributes; a whole object repeats the questions
    /// about its parts and does not count.
    package var allAnswers: Answers {
        answers.reduce(into: Answers(hits: 0, asked: 0)) { sum, entry in
            guard entry.key != .wholeObject else { return }
            sum.hits += entry.value.hits
            sum.asked += entry.value.asked
        }
    }
}
