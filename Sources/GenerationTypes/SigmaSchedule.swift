// SPDX-License-Identifier: Apache-2.0

/// How noise levels are spaced over the steps.
public enum SigmaSchedule: String, Sendable, Hashable, Codable, CaseIterable {
    /// What the model's `scheduler_config.json` says.
    case modelDefault = "default"
    /// Karras et al. 2022, equation 5, ρ = 7.
    case karras
    /// Evenly spaced logarithms.
    case exponential
    /// Stability's sampler schedule: trailing timesteps, evenly spaced.
    case sgmUniform = "sgm_uniform"

    /// The schedule's row in the table of schedules.
    public var traits: SigmaScheduleTraits {
        switch self {
        case .modelDefault:
            SigmaScheduleTraits(
                wireNumber: 1, displayName: nil, aliases: ["automatic", "auto", "discrete"])
        case .karras: SigmaScheduleTraits(wireNumber: 2, displayName: "Karras")
        case .exponential: SigmaScheduleTraits(wireNumber: 3, displayName: "Exponential")
        case .sgmUniform: SigmaScheduleTraits(wireNumber: 4, displayName: "SGM Uniform")
        }
    }

    /// The name A1111 writes into a picture's `parameters` text; `nil` where it writes none.
    public var displayName: String? { traits.displayName }

    /// The schedule of a number on the wire; `nil` for numbers this build does not know.
    public init?(wireNumber: UInt8) {
        guard let schedule = Self.allCases.first(where: { $0.traits.wireNumber == wireNumber })
        else { return nil }
        self = schedule
    }
}

/// A schedule's row: its names and its number.
public struct SigmaScheduleTraits: Sendable, Hashable {
    /// The number on the wire; numbers are never reused.
    public let wireNumber: UInt8
    /// The name A1111 writes into a picture's `parameters` text; `nil` where it writes none.
    public let displayName: String?
    /// More names that are read; case and separators don't matter.
    public let aliases: [String]

    init(wireNumber: UInt8, displayName: String?, aliases: [String] = []) {
        self.wireNumber = wireNumber
        self.displayName = displayName
        self.aliases = aliases
    }
}
