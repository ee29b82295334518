// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import StableDiffusion
import Testing

@Suite struct SchedulerConfigurationTests {
    private func message(
        _ keys: String, _ method: SamplingMethod, class name: String = "DDIMScheduler"
    ) throws -> String {
        let json = "{\"_class_name\": \"\(name)\"\(keys.isEmpty ? "" : ", ")\(keys)}"
        do throws(SchedulerError) {
            let configuration = try SchedulerConfiguration(json: Data(json.utf8))
            _ = try configuration.makeScheduler(method, inferenceStepCount: 10, sampleCount: 4)
            return "accepted"
        } catch { return error.description }
    }

    @Test func unknownClassesAreNamedWithTheKnownOnes() throws {
        let text = try message("", .ddim, class: "FlowMatchEulerDiscreteScheduler")
        #expect(text.contains("\"FlowMatchEulerDiscreteScheduler\", which is not known here"))
        for known in SamplingMethod.allCases { #expect(text.contains(known.traits.className)) }
        // Not implemented here, but its file works with the others.
        #expect(try message("", .ddim, class: "DDPMScheduler") == "accepted")
    }

    @Test(arguments: [
        ("\"beta_schedule\": \"sigmoid\"", SamplingMethod.ddim, "beta_schedule is \"sigmoid\""),
        ("\"beta_schedule\": \"exp\"", .ddim, "beta_schedule exp"),
        ("\"prediction_type\": \"flow_prediction\"", .euler, "prediction_type is"),
        ("\"prediction_type\": \"sample\"", .pndm, "prediction_type sample"),
        ("\"prediction_type\": \"sample\"", .eulerAncestral, "prediction_type sample"),
        ("\"timestep_spacing\": \"even\"", .lms, "linspace, leading, trailing"),
        ("\"timestep_type\": \"other\"", .euler, "discrete, continuous"),
        ("\"interpolation_type\": \"cubic\"", .euler, "linear, log_linear"),
        ("\"final_sigmas_type\": \"none\"", .uniPC, "zero, sigma_min"),
        ("\"use_beta_sigmas\": true", .heun, "use_beta_sigmas"),
        ("\"use_karras_sigmas\": true, \"use_exponential_sigmas\": true", .euler, "only one of"),
        ("\"use_flow_sigmas\": true", .dpmPlusPlus2M, "flow matching"),
        ("\"use_dynamic_shifting\": true", .uniPC, "use_dynamic_shifting"),
        ("\"variance_type\": \"learned_range\"", .dpmPlusPlus2M, "variance_type learned_range"),
        ("\"algorithm_type\": \"dpmsolver\"", .dpmPlusPlus2M, "a last sigma of zero"),
        ("\"algorithm_type\": \"rk4\"", .dpmPlusPlus2M, "dpmsolver, dpmsolver++"),
        ("\"solver_type\": \"euler\"", .dpmPlusPlus2M, "midpoint, heun"),
        ("\"solver_type\": \"euler\"", .uniPC, "bh1, bh2"),
        ("\"solver_order\": 4", .uniPC, "solver_order is 4; it must be from 1 to 3"),
        ("\"predict_x0\": false", .uniPC, "predict_x0 false"),
        ("\"num_train_timesteps\": 0", .ddim, "num_train_timesteps is 0"),
        ("\"steps_offset\": -1", .ddim, "steps_offset is -1"),
        ("\"beta_start\": 2", .ddim, "a beta is 2.0"),
        ("\"trained_betas\": [0.1, 0.2]", .ddim, "a list of 2"),
        ("\"sigma_min\": 0", .euler, "sigma_min is 0.0"),
        ("\"original_inference_steps\": 2000", .lcm, "original_inference_steps is 2000"),
        ("\"original_inference_steps\": 0", .tcd, "original_inference_steps is 0"),
        ("\"dynamic_thresholding_ratio\": 2, \"thresholding\": true", .ddim, "from 0 to 1"),
        ("\"beta_start\": \"small\"", .ddim, "can't be understood: beta_start"),
    ])
    func oddValuesGiveOneClearError(keys: String, method: SamplingMethod, part: String) throws {
        #expect(try message(keys, method).contains(part))
    }

    @Test func keysOfOtherClassesDoNotMatter() throws {
        // Euler has no thresholding and DDIM no solver; their values are not even read.
        #expect(try message("\"thresholding\": true", .euler) == "accepted")
        #expect(try message("\"solver_type\": \"none\", \"solver_order\": 9", .ddim) == "accepted")
        #expect(try message("\"invented\": {\"a\": [1]}", .ddim) == "accepted")
    }

    @Test func noObjectAtAll() throws {
        for text in ["", "[]", "{}", "{\"_class_name\": 3}", "{\"_class_name\": \"DDIMScheduler\""]
        {
            #expect {
                try SchedulerConfiguration(json: Data(text.utf8))
            } throws: { "\($0)".contains("scheduler_config.json can't be understood") }
        }
    }

    @Test func theEncodedFormDecodesToTheSame() throws {
        let text = """
            {"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity,
             "solver_order": 3, "trained_betas": null, "sigma_min": 0.1}
            """
        let configuration = try SchedulerConfiguration(json: Data(text.utf8))
        let again = try SchedulerConfiguration(json: JSONEncoder().encode(configuration))
        #expect(again == configuration)
        #expect(configuration.samplingMethod == .dpmPlusPlus2M)
        #expect(configuration.solverOrder == 3)
    }
}
