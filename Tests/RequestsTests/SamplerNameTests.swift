// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests
import Testing

@Suite struct SamplerNameTests {
    @Test(
        arguments: [
            ("euler_a", .eulerAncestral, nil), ("Euler a", .eulerAncestral, nil),
            ("k_euler_a", .eulerAncestral, nil), ("k_euler", .euler, nil), ("Euler", .euler, nil),
            ("DPM++ 2M", .dpmPlusPlus2M, nil), ("dpm++2m", .dpmPlusPlus2M, nil),
            ("k_dpmpp_2m", .dpmPlusPlus2M, nil), ("DPM++ 2M Karras", .dpmPlusPlus2M, .karras),
            ("k_dpmpp_2m_ka", nil, nil), ("LMS Karras", .lms, .karras),
            ("DPM++ 2M Exponential", .dpmPlusPlus2M, .exponential),
            ("DPM++ 2M SGM Uniform", .dpmPlusPlus2M, .sgmUniform), ("PLMS", .pndm, nil),
            ("pndm", .pndm, nil), ("DDIM", .ddim, nil), ("UniPC", .uniPC, nil),
            ("Heun", .heun, nil), ("LCM", .lcm, nil), ("TCD", .tcd, nil), ("tcd", .tcd, nil),
            ("k_lms", .lms, nil), ("euler_ancestral", .eulerAncestral, nil),
            ("DPM-Solver++", .dpmPlusPlus2M, nil), ("dpmsolver_multistep", .dpmPlusPlus2M, nil),
            ("DPM++ 2M SDE", nil, nil), ("Karras", nil, nil), ("", nil, nil), ("k", nil, nil),
        ] as [(String, SamplingMethod?, SigmaSchedule?)])
    func everySpellingIsUnderstood(
        name: String, method: SamplingMethod?, schedule: SigmaSchedule?
    ) {
        let sampler = SamplerName(name)
        #expect(sampler?.samplingMethod == method)
        #expect(sampler?.sigmaSchedule == schedule)
    }

    /// Of two samplers with one name the second would be read as the first.
    @Test func everyNameMeansItsOwnSampler() {
        for method in SamplingMethod.allCases {
            for alias in method.traits.aliases {
                #expect(SamplerName(alias)?.samplingMethod == method)
            }
            #expect(SamplerName(method.rawValue)?.samplingMethod == method)
            #expect(SamplerName(method.displayName)?.samplingMethod == method)
        }
        for schedule in SigmaSchedule.allCases {
            for alias in schedule.traits.aliases {
                #expect(SamplerName.sigmaSchedule(alias) == schedule)
            }
            #expect(SamplerName.sigmaSchedule(schedule.rawValue) == schedule)
            if let name = schedule.displayName {
                #expect(SamplerName.sigmaSchedule(name) == schedule)
            }
        }
        #expect(SamplerName.sigmaSchedule("Automatic") == .modelDefault)
        #expect(SamplerName.sigmaSchedule("beta") == nil)
    }
}
