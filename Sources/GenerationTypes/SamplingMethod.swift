// SPDX-License-Identifier: Apache-2.0

/// The solver of the reverse diffusion, by the names the field's command lines use.
///
/// To add one: a case and its row here, a scheduler in `StableDiffusion`, and its line in
/// `SamplingMethod.scheduler`.
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
    case tcd

    /// The sampler's row in the table of samplers.
    public var traits: SamplerTraits {
        switch self {
        case .ddim:
            SamplerTraits(
                wireNumber: 1, displayName: "DDIM", className: "DDIMScheduler",
                eta: SamplerEta(standard: 0, displayName: "Eta DDIM"), canForecast: true)
        case .pndm:
            SamplerTraits(wireNumber: 2, displayName: "PLMS", className: "PNDMScheduler")
        case .euler:
            SamplerTraits(
                wireNumber: 3, displayName: "Euler", className: "EulerDiscreteScheduler",
                canForecast: true)
        case .eulerAncestral:
            SamplerTraits(
                wireNumber: 4, displayName: "Euler a", aliases: ["euler_ancestral"],
                className: "EulerAncestralDiscreteScheduler")
        case .lms:
            SamplerTraits(wireNumber: 5, displayName: "LMS", className: "LMSDiscreteScheduler")
        case .heun:
            SamplerTraits(wireNumber: 6, displayName: "Heun", className: "HeunDiscreteScheduler")
        case .dpmPlusPlus2M:
            SamplerTraits(
                wireNumber: 7, displayName: "DPM++ 2M",
                aliases: ["dpm++", "dpmsolver++", "dpmsolver_multistep"],
                className: "DPMSolverMultistepScheduler", canForecast: true)
        case .uniPC:
            SamplerTraits(
                wireNumber: 8, displayName: "UniPC", className: "UniPCMultistepScheduler",
                canForecast: true)
        case .lcm:
            SamplerTraits(wireNumber: 9, displayName: "LCM", className: "LCMScheduler")
        case .tcd:
            SamplerTraits(
                wireNumber: 10, displayName: "TCD", className: "TCDScheduler",
                eta: SamplerEta(standard: 0.3, displayName: "Eta"))
        }
    }

    /// The name A1111 writes into a picture's `parameters` text.
    public var displayName: String { traits.displayName }

    /// The η of a request that names none; 0 for samplers that have no use for it.
    public var standardEta: Float { traits.eta?.standard ?? 0 }

    /// The method of a number on the wire; `nil` for numbers this build does not know.
    public init?(wireNumber: UInt8) {
        guard let method = Self.allCases.first(where: { $0.traits.wireNumber == wireNumber })
        else { return nil }
        self = method
    }

    /// The method of a diffusers class; `nil` for classes that are not built here.
    public init?(className: String) {
        guard let method = Self.allCases.first(where: { $0.traits.className == className })
        else { return nil }
        self = method
    }
}
