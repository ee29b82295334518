// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Measures single pictures: features for Fréchet distances, and how well they fit their prompts.
package protocol PictureMeter: AnyObject {
    /// What measures, by names that tell different weights apart.
    var names: EvidenceMeterNames { get }

    /// Measures a picture on its own; index and distances to other pictures stay open.
    ///
    /// - Throws: errors of sizes that it does not take.
    func measure(_ picture: RGBImage, prompt: String) throws -> EvidencePicture

    /// A picture's features alone.
    func features(of picture: RGBImage) throws -> [Float]

    /// The perceptual distance of two pictures; `nil` without a network for it.
    func lpips(_ picture: RGBImage, _ other: RGBImage) throws -> Double?
}

extension PictureMeter {
    package func lpips(_ picture: RGBImage, _ other: RGBImage) throws -> Double? { nil }
}

/// The embedded model's own: mini-CLIP and judge.
package final class EmbeddedPictureMeter: PictureMeter {
    private let clip: MiniCLIP
    private let judge: JudgeConfiguration
    /// Prompts with known attributes.
    private let prompts: [String: AttributePrompt]
    private var captions: [String: [Float]] = [:]

    /// - Parameter prompts: those whose attributes are known; pictures of others are not judged.
    package init(clip: MiniCLIP, prompts: [AttributePrompt]) {
        self.clip = clip
        judge = clip.judgeConfiguration
        self.prompts = Dictionary(prompts.map { ($0.prompt, $0) }) { first, _ in first }
    }

    package var names: EvidenceMeterNames {
        EvidenceMeterNames(features: "mini-CLIP", clip: "mini-CLIP", lpips: nil)
    }

    package func measure(_ picture: RGBImage, prompt: String) throws -> EvidencePicture {
        let (embedding, shown) = try clip.examine(picture)
        var entry = EvidencePicture(
            index: 0, promptDigest: EvidencePicture.digest(of: prompt), features: embedding,
            clip: 100 * max(0, MiniCLIP.cosine(embedding, try caption(prompt))))
        guard let asked = prompts[prompt] else { return entry }
        let judged = JudgedPicture(asked, shown: shown, judge: judge)
        entry.answers = judged.answers.mapValues { answers in
            let closed = answers.compactMap { $0 }
            return EvidencePicture.Answers(hits: closed.count { $0 }, asked: closed.count)
        }
        return entry
    }

    package func features(of picture: RGBImage) throws -> [Float] {
        try clip.embedding(of: picture)
    }

    private func caption(_ prompt: String) throws -> [Float] {
        if let known = captions[prompt] { return known }
        let embedding = try clip.embedding(of: prompt)
        captions[prompt] = embedding
        return embedding
    }
}
