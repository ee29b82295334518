// SPDX-License-Identifier: Apache-2.0

/// The solver of the reverse diffusion, by the names the field's command lines use.
public enum SamplingMethod: String, Sendable, Hashable, Codable, CaseIterable {
    case ddim
    case pndm
    case euler
    case eulerAncestral = "euler_a"
    case lms
    case heun
    case dpmPlusPlus2M = "dpm++2m"
    case uniPC = "unipc"
    case lcm

    /// The name A1111 writes into a picture's `parameters` text.
    public var displayName: String {
        switch self {
        case .ddim: "DDIM"
        case .pndm: "PLMS"
        case .euler: "Euler"
        case .eulerAncestral: "Euler a"
        case .lms: "LMS"
        case .heun: "Heun"
        case .dpmPlusPlus2M: "DPM++ 2M"
        case .uniPC: "UniPC"
        case .lcm: "LCM"
        }
    }
}

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

    /// The name A1111 writes into a picture's `parameters` text; `nil` where it writes none.
    public var displayName: String? {
        switch self {
        case .modelDefault: nil
        case .karras: "Karras"
        case .exponential: "Exponential"
        case .sgmUniform: "SGM Uniform"
        }
    }
}
