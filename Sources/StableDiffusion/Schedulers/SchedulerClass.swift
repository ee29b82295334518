// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The schedulers of diffusers that are built here, by their class names.
package enum SchedulerClass: String, Sendable, Hashable, CaseIterable {
    case ddim = "DDIMScheduler"
    case pndm = "PNDMScheduler"
    case euler = "EulerDiscreteScheduler"
    case eulerAncestral = "EulerAncestralDiscreteScheduler"
    case lms = "LMSDiscreteScheduler"
    case heun = "HeunDiscreteScheduler"
    case dpmSolverMultistep = "DPMSolverMultistepScheduler"
    case uniPC = "UniPCMultistepScheduler"
    case lcm = "LCMScheduler"

    /// Classes that are not built here but whose files serve any other sampling method, as
    /// diffusers'
    /// `KarrasDiffusionSchedulers` exchange them.
    static let compatibleNames = [
        "DDPMScheduler", "DEISMultistepScheduler", "DPMSolverSDEScheduler",
        "DPMSolverSinglestepScheduler", "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler",
    ]

    /// All class names that a `scheduler_config.json` may hold.
    static let knownNames = allCases.map(\.rawValue) + compatibleNames

    /// The class that carries out a sampling method.
    package init(_ method: SamplingMethod) {
        self =
            switch method {
            case .ddim: .ddim
            case .pndm: .pndm
            case .euler: .euler
            case .eulerAncestral: .eulerAncestral
            case .lms: .lms
            case .heun: .heun
            case .dpmPlusPlus2M: .dpmSolverMultistep
            case .uniPC: .uniPC
            case .lcm: .lcm
            }
    }

    /// The sampling method that this class carries out.
    package var samplingMethod: SamplingMethod {
        switch self {
        case .ddim: .ddim
        case .pndm: .pndm
        case .euler: .euler
        case .eulerAncestral: .eulerAncestral
        case .lms: .lms
        case .heun: .heun
        case .dpmSolverMultistep: .dpmPlusPlus2M
        case .uniPC: .uniPC
        case .lcm: .lcm
        }
    }
}
