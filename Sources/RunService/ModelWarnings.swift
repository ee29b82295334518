// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import StableDiffusion

/// What a model does otherwise than its user may expect, found before anything is sampled.
package enum ModelWarnings {
    /// One sentence per finding.
    ///
    /// - Throws: `ConfigurationError`, `TokenMergeConfigurationError`.
    package static func of(_ requests: [GenerationRequest], model: any ModelSource) throws
        -> [String]
    {
        let description = try ModelDescription(of: model)
        return try [description.leftOutWarning, idleMerging(requests, description)]
            .compactMap { $0 } + description.recipe.warnings(for: requests)
    }

    /// What decides whether tokens merge.
    private struct Setting: Hashable {
        var merging: TokenMergeConfiguration
        var width: Int
        var height: Int
        var isGuided: Bool
    }

    /// One warning for all images that ask for merging and whose tokens all stay.
    private static func idleMerging(
        _ requests: [GenerationRequest], _ description: ModelDescription
    ) throws -> String? {
        var merges: [Setting: Bool] = [:]
        var idle = 0
        for request in requests where request.tokenMerging.isOn {
            let setting = Setting(
                merging: request.tokenMerging, width: request.width, height: request.height,
                isGuided: request.usesClassifierFreeGuidance)
            let merging = try merges[setting] ?? description.mergesAnything(request)
            merges[setting] = merging
            if !merging { idle += 1 }
        }
        guard idle > 0 else { return nil }
        return """
            no tokens merge in \(idle) of \(requests.count) images, which take as long as with \
            --merge none: at this size and ratio the layers have nothing to merge; a larger \
            --merge-ratio or --merge-layers all may help
            """
    }
}
