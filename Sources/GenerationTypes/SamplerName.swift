// SPDX-License-Identifier: Apache-2.0

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
    package static func sigmaSchedule(_ name: String) -> SigmaSchedule? { schedules[key(name)] }

    /// The samplers to choose from, for messages.
    package static let samplerChoices = SamplingMethod.allCases.map(\.rawValue)
        .joined(separator: ", ")

    /// The schedules to choose from, for messages.
    package static let scheduleChoices = SigmaSchedule.allCases.map(\.rawValue)
        .joined(separator: ", ")

    /// The samplers that read η with their own values, for help.
    package static let etaDefaults = SamplingMethod.allCases.compactMap { method in
        method.traits.eta.map { "\(method.displayName) (default \($0.standard))" }
    }.joined(separator: ", ")

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

    /// A1111's old names carry the schedule only where it has a name.
    private static let scheduleSuffixes: [(String, SigmaSchedule)] =
        SigmaSchedule.allCases.compactMap { schedule in
            schedule.displayName.map { (key($0), schedule) }
        }

    private static let methods = table(of: SamplingMethod.self) { method in
        [method.rawValue, method.displayName] + method.traits.aliases
    }

    private static let schedules = table(of: SigmaSchedule.self) { schedule in
        [schedule.rawValue] + [schedule.displayName].compactMap(\.self) + schedule.traits.aliases
    }

    private static func table<Choice: CaseIterable>(
        of _: Choice.Type, _ names: (Choice) -> [String]
    ) -> [String: Choice] {
        var table: [String: Choice] = [:]
        for choice in Choice.allCases {
            for name in names(choice) { table[key(name)] = choice }
        }
        return table
    }
}
