// SPDX-License-Identifier: Apache-2.0

/// How the keys of a JSON prompt or an option line are judged.
///
/// A dialect says which keys without an effect here are ignored and which are refused.
package struct PromptDialect: Sendable {
    /// Keys that are ignored: they say where pictures go, not what they show.
    private let ignored: Set<String>
    /// Keys that are refused unless their value asks for nothing.
    private let unsupported: Set<String>
    /// Whether all other keys are ignored.
    private let ignoresUnknown: Bool

    /// How a key is handled that has no effect here.
    enum Verdict {
        /// Its value asks for nothing.
        case neutral
        case ignored
        case refused
        /// It is refused, and may be misspelled.
        case unknown
    }

    /// Prompt files: an unknown key is an error, and so is one that asks for what retom lacks.
    package static let strict = PromptDialect(
        ignored: [
            "do_not_save_samples", "do_not_save_grid", "send_images", "save_images",
            "override_settings_restore_afterwards", "force_task_id", "outpath_samples",
            "outpath_grids", "prompt_for_display", "comments", "infotext", "firstphase_width",
            "firstphase_height",
        ],
        unsupported: [
            "styles", "subseed", "subseed_strength", "seed_resize_from_h", "seed_resize_from_w",
            "restore_faces", "tiling", "denoising_strength", "s_min_uncond", "s_churn", "s_tmax",
            "s_tmin", "s_noise", "refiner_checkpoint", "refiner_switch_at",
            "disable_extra_networks", "enable_hr", "script_name", "script_args",
            "alwayson_scripts", "sd_model",
        ])

    /// Clients of A1111's API: they send every field that there ever was, and those of extensions.
    ///
    /// What can't change a picture here is ignored; what would is refused if it asks for something.
    package static let client = PromptDialect(
        ignored: strict.ignored.union(["denoising_strength", "subseed", "script_args"]),
        unsupported: strict.unsupported.subtracting([
            "denoising_strength", "subseed", "refiner_switch_at", "script_args", "sd_model",
        ]), ignoresUnknown: true)

    private init(ignored: Set<String>, unsupported: Set<String>, ignoresUnknown: Bool = false) {
        self.ignored = ignored
        self.unsupported = unsupported
        self.ignoresUnknown = ignoresUnknown
    }

    /// Judges a key that decides nothing about a picture here.
    func verdict(on key: String, _ value: JSONValue) -> Verdict {
        let isDefault = key == "s_noise" && value.scalarText.flatMap(Double.init) == 1
        let isNeutral = value.isNeutral || isDefault
        // Settings of the second pass of hires fix, which `enable_hr` switches on.
        if ignored.contains(key) || key.hasPrefix("hr_") { return isNeutral ? .neutral : .ignored }
        if unsupported.contains(key) { return isNeutral ? .neutral : .refused }
        guard ignoresUnknown else { return .unknown }
        return isNeutral ? .neutral : .ignored
    }
}
