// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes

extension Scenario {
    /// A batch of equal images on machines of different speed, without any fault.
    ///
    /// - Parameter stepSeconds: of each machine.
    package static func batch(
        imageCount: Int, stepCount: Int, stepSeconds: [Double], credits: Int = 2,
        pictureCount: Int = 1
    ) -> Scenario {
        var scenario = Scenario(seed: 8, weather: .calm)
        scenario.requests = (0..<imageCount).map {
            GenerationRequest(
                prompt: "\($0)", seed: UInt64($0), width: 8, height: 8,
                inferenceStepCount: stepCount)
        }
        scenario.machines = stepSeconds.map {
            Machine(
                credits: credits, stepTime: .milliseconds(Int64($0 * 1000)),
                pictureCount: pictureCount)
        }
        scenario.addresses = Array(scenario.machines.indices)
        scenario.configuration = SimulatedCluster.configuration()
        scenario.configuration.decodeBacklogMax = imageCount + 1
        scenario.storeTime = .milliseconds(5)
        return scenario
    }
}
