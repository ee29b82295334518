// SPDX-License-Identifier: Apache-2.0

/// The training timesteps that a sampler visits, decreasing; numpy's arithmetic, half to even.
enum Timesteps {
    /// Integer timesteps of DDIM and PNDM.
    static func whole(_ parameters: SchedulerParameters, count: Int) -> [Double] {
        let last = Double(parameters.trainTimesteps - 1)
        if parameters.spacing == .linspace {
            return linspace(0, last, count).reversed().map { $0.rounded(.toNearestOrEven) }
        }
        return spaced(parameters, count: count)
    }

    /// Timesteps of the Euler family, which may lie between two training timesteps.
    static func fractional(_ parameters: SchedulerParameters, count: Int) -> [Double] {
        let last = Double(parameters.trainTimesteps - 1)
        if parameters.spacing == .linspace {
            return linspace(0, last, count).reversed().map { Double(Float($0)) }
        }
        return spaced(parameters, count: count)
    }

    /// Integer timesteps of DPM-Solver and UniPC, which omit the last of `count + 1`.
    ///
    /// `end` is one past the last timestep used. Fewer than `count` only if clipped.
    static func solver(_ parameters: SchedulerParameters, count: Int, end: Int) -> [Double] {
        switch parameters.spacing {
        case .linspace:
            let all = linspace(0, Double(end - 1), count + 1)
            return all.dropFirst().reversed().map { $0.rounded(.toNearestOrEven) }
        case .leading:
            let ratio = end / (count + 1)
            return (1...count).reversed().map { Double($0 * ratio + parameters.stepsOffset) }
        case .trailing:
            let step = Double(parameters.trainTimesteps) / Double(count)
            return trailing(from: end, step: step, count)
        }
    }

    /// The timesteps that LCM and TCD models were distilled at, thinned evenly; `np.linspace`
    /// without its end point, truncated to integers.
    ///
    /// - Throws: if there are fewer than `count`.
    static func distilled(
        _ parameters: SchedulerParameters, count: Int
    ) throws(SchedulerError) -> [Float] {
        let distilled = parameters.originalInferenceSteps
        guard count <= distilled else {
            throw .stepCountOutOfRange(
                count, allowed: 1...distilled,
                reason: """
                    the model was distilled at \(distilled) timesteps (original_inference_steps)
                    """)
        }
        let stride = parameters.trainTimesteps / distilled
        let falling = (1...distilled).reversed().map { $0 * stride - 1 }
        let spacing = Double(distilled) / Double(count)
        return (0..<count).map { Float(falling[Int(Double($0) * spacing)]) }
    }

    private static func spaced(_ parameters: SchedulerParameters, count: Int) -> [Double] {
        if parameters.spacing == .leading {
            let ratio = parameters.trainTimesteps / count
            return (0..<count).reversed().map { Double($0 * ratio + parameters.stepsOffset) }
        }
        let train = parameters.trainTimesteps
        return trailing(from: train, step: Double(train) / Double(count), count)
    }

    /// `np.arange(from, 0, -step).round() - 1`, of which numpy's rounding sometimes makes one more
    /// than `count`, at timestep -1; that one is dropped.
    private static func trailing(from start: Int, step: Double, _ count: Int) -> [Double] {
        let start = Double(start)
        let length = min(count, Int((start / step).rounded(.up)))
        // numpy adds multiples of the difference between the first two.
        let delta = (start - step) - start
        return (0..<length).map {
            (start + Double($0) * delta).rounded(.toNearestOrEven) - 1
        }
    }

    /// `np.linspace` in double precision.
    static func linspace(_ start: Double, _ end: Double, _ count: Int) -> [Double] {
        guard count > 1 else { return count == 1 ? [start] : [] }
        let step = (end - start) / Double(count - 1)
        return (0..<count).map { $0 == count - 1 ? end : Double($0) * step + start }
    }
}
