// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The metrics that real models are judged by: Inception's features, and a CLIP's score.
package final class StandardPictureMeter: PictureMeter {
    private let inception: InceptionNetwork
    private let clip: CLIPNetwork?
    private let perceptual: PerceptualNetwork?
    private var captions: [String: [Float]] = [:]

    package init(
        inception: InceptionNetwork, clip: CLIPNetwork?, perceptual: PerceptualNetwork?
    ) {
        self.inception = inception
        self.clip = clip
        self.perceptual = perceptual
    }

    package var names: EvidenceMeterNames {
        EvidenceMeterNames(
            features: "Inception (\(inception.preparation.rawValue), \(inception.digest))",
            clip: clip?.name, lpips: perceptual?.name)
    }

    package func measure(_ picture: RGBImage, prompt: String) throws -> EvidencePicture {
        var entry = EvidencePicture(
            index: 0, promptDigest: EvidencePicture.digest(of: prompt),
            features: inception.features(of: picture))
        if let clip {
            let cosine = MiniCLIP.cosine(clip.embedding(of: picture), try caption(prompt, clip))
            entry.clip = 100 * max(0, cosine)
        }
        return entry
    }

    package func features(of picture: RGBImage) throws -> [Float] {
        inception.features(of: picture)
    }

    package func lpips(_ picture: RGBImage, _ other: RGBImage) throws -> Double? {
        try perceptual?.distance(picture, other)
    }

    private func caption(_ prompt: String, _ clip: CLIPNetwork) throws -> [Float] {
        if let known = captions[prompt] { return known }
        let embedding = try clip.embedding(of: prompt)
        captions[prompt] = embedding
        return embedding
    }
}
