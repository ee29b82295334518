// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
package import Logging
import Runs
import Synchronization

/// Makes pictures of previews, and learns from the finished ones how.
///
/// The factors of a VAE are kept in a file of the service's directory once they are learnt. Without
/// it they are learnt again.
package final class PreviewPainter: Sendable {
    /// The file: factors and the VAE that they are of.
    private struct KeptFactors: Codable {
        var vae: String
        var factors: PreviewFactors
    }

    private struct State {
        var factors: PreviewFactors
        /// `nil` once enough is learnt.
        var fit: PreviewFit?
    }

    private static let fileName = "preview-factors.json"

    private let directory: String
    private let vae: String
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the factors of a VAE, if they are kept.
    ///
    /// - Parameters:
    ///   - directory: the service's.
    ///   - vae: the digest of its weights.
    package init(directory: String, vae: String, channels: Int, logger: Logger) {
        self.directory = directory
        self.vae = vae
        self.logger = logger
        let kept = ServiceStore.file("\(directory)/\(Self.fileName)").flatMap {
            try? JSONDecoder().decode(KeptFactors.self, from: Data($0))
        }
        if let kept, kept.vae == self.vae, kept.factors.fits(channels: channels) {
            state = Mutex(State(factors: kept.factors, fit: nil))
        } else {
            state = Mutex(
                State(
                    factors: PreviewFactors(channels: channels),
                    fit: PreviewFit(channels: channels)))
        }
    }

    /// Shows latents; `nil` for those of another VAE.
    package func picture(of latents: GeneratedLatents) -> RGBImage? {
        let factors = state.withLock(\.factors)
        return factors.channels == latents.channels ? factors.picture(of: latents) : nil
    }

    /// Learns from a finished picture, as long as that is of use.
    package func learn(_ latents: GeneratedLatents, _ image: RGBImage) {
        let learnt = state.withLock { state -> PreviewFactors? in
            guard state.fit != nil else { return nil }
            state.fit?.add(latents, image)
            guard let fit = state.fit else { return nil }
            state.factors = fit.factors
            guard fit.isComplete else { return nil }
            state.fit = nil
            return state.factors
        }
        guard let learnt else { return }
        do {
            let bytes = try JSONEncoder().encode(KeptFactors(vae: vae, factors: learnt))
            let file = try AtomicFile(name: Self.fileName, directory: directory)
            try file.append(Array(bytes))
            try file.commit(replacing: true)
        } catch {
            logger.warning("preview factors not kept", metadata: ["reason": "\(error)"])
        }
    }
}
