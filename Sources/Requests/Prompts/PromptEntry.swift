// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// One prompt with the settings that only it has.
package struct PromptEntry: Sendable, Equatable {
    /// Where the prompt comes from, as a person would look for it: `prompts.txt:3` or `-p 2`.
    package var origin: String
    /// What the picture shows.
    package var prompt: String
    /// Seed of this prompt's first image; `nil` numbers it with the run.
    package var seed: SeedChoice?
    /// Images of this prompt; `nil` means the run's `-b`.
    package var imageCount: Int?
    /// Its own settings; what they leave open is the run's.
    package var settings = GenerationSettings()

    /// Makes an entry that leaves every setting to the run.
    package init(prompt: String, origin: String) {
        self.prompt = prompt
        self.origin = origin
    }

    /// The request of one image of this prompt.
    ///
    /// - Parameter shared: The run's settings, which decide the size.
    package func request(settings shared: GenerationSettings, seed: UInt64) -> GenerationRequest {
        settings.filled(from: shared).request(prompt: prompt, seed: seed)
    }
}
