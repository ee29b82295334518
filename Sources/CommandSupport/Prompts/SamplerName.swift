// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A sampler and, where its name says so, a noise schedule, read from any of the spellings the
/// field uses: ours (`euler_a`), A1111's (`Euler a`), k-diffusion's (`k_euler_a`), and A1111's old
/// names that carry the schedule (`DPM++ 2M Karras`).
package struct SamplerName: Sendable, Equatable {
    /// The solver.
    package var samplingMethod: SamplingMethod
    /// The schedule that is part of the name; `nil` when the name leaves it open.
    package var sigmaSchedule: SigmaSchedule?

    /// Reads a name; `nil` when no sampler here is meant.
    package init?(_ name: String) {
        var key = SamplerName.key(name)
        var schedule: SigmaSchedule?
        for (suffix, meaning) in SamplerName.scheduleSuffixes where key.hasSuffix(suffix) {
            key.removeLast(suffix.count)
            schedule = meaning
            break
        }
        guard let method = SamplerName.methods[key] else { return nil }
        samplingMethod = method
        sigmaSchedule = schedule
    }

    /// Reads a schedule's name in our or A1111's spelling; `nil` when none here is meant.
    package static func sigmaSchedule(_ name: String) -> SigmaSchedule? {
        switch key(name) {
        case "default", "automatic", "auto", "discrete": .modelDefault
        case "karras": .karras
        case "exponential": .exponential
        case "sgmuniform": .sgmUniform
        default: nil
        }
    }

    /// The samplers to choose from, for messages.
    package static let samplerChoices = SamplingMethod.allCases.map(\.rawValue)
        .joined(separator: ", ")

    /// The schedules to choose from, for messages.
    package static let scheduleChoices = SigmaSchedule.allCases.map(\.rawValue)
        .joined(separator: ", ")

    /// Lower case, `++` as `pp`, without separators and without k-diffusion's prefix.
    private static func key(_ name: String) -> String {
        var key = ""
        for character in name.lowercased() {
            switch character {
            case "+": key.append("p")
            case " ", "_", "-", "\t": continue
            default: key.append(character)
            }
        }
        if key.hasPrefix("k"), !key.hasPrefix("karras") { key.removeFirst() }
        return key
    }

    private static let scheduleSuffixes: [(String, SigmaSchedule)] = [
        ("karras", .karras), ("exponential", .exponential), ("sgmuniform", .sgmUniform),
    ]

    private static let methods: [String: SamplingMethod] = [
        "ddim": .ddim,
        "pndm": .pndm, "plms": .pndm,
        "euler": .euler,
        "eulera": .eulerAncestral, "eulerancestral": .eulerAncestral,
        "lms": .lms,
        "heun": .heun,
        "dpmpp2m": .dpmPlusPlus2M, "dpmsolverpp": .dpmPlusPlus2M, "dpmpp": .dpmPlusPlus2M,
        "dpmsolvermultistep": .dpmPlusPlus2M,
        "unipc": .uniPC,
        "lcm": .lcm,
    ]
}
