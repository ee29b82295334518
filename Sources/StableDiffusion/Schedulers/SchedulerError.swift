// SPDX-License-Identifier: Apache-2.0

/// Why a scheduler cannot be created.
package enum SchedulerError: Error, Equatable, CustomStringConvertible {
    case malformedConfiguration(reason: String)
    case unknownClass(String, known: [String])
    case unknownValue(key: String, value: String, known: [String])
    case outOfRange(key: String, value: String, allowed: String)
    case unsupported(scheduler: String, setting: String, advice: String)
    case stepCountOutOfRange(Int, allowed: ClosedRange<Int>, reason: String)

    package var description: String {
        switch self {
        case .malformedConfiguration(let reason):
            "scheduler_config.json can't be understood: \(reason)"
        case .unknownClass(let name, let known):
            """
            scheduler_config.json names the scheduler "\(name)", which is not known here; \
            known are \(known.joined(separator: ", "))
            """
        case .unknownValue(let key, let value, let known):
            """
            scheduler_config.json: \(key) is "\(value)"; \
            it must be one of \(known.joined(separator: ", "))
            """
        case .outOfRange(let key, let value, let allowed):
            "scheduler_config.json: \(key) is \(value); it must be \(allowed)"
        case .unsupported(let scheduler, let setting, let advice):
            "\(scheduler) can't be used with \(setting); \(advice)"
        case .stepCountOutOfRange(let count, let allowed, let reason):
            """
            \(count) steps: \(reason); choose from \(allowed.lowerBound) to \
            \(allowed.upperBound) with --steps
            """
        }
    }
}
