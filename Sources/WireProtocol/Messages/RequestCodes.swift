// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

extension SamplingMethod {
    /// The number on the wire; numbers are never reused.
    var wireValue: UInt8 {
        switch self {
        case .ddim: 1
        case .pndm: 2
        case .euler: 3
        case .eulerAncestral: 4
        case .lms: 5
        case .heun: 6
        case .dpmPlusPlus2M: 7
        case .uniPC: 8
        case .lcm: 9
        }
    }

    /// The method of a number; `nil` for numbers this build does not know.
    init?(wireValue: UInt8) {
        guard let method = Self.allCases.first(where: { $0.wireValue == wireValue }) else {
            return nil
        }
        self = method
    }
}

extension SigmaSchedule {
    /// The number on the wire; numbers are never reused.
    var wireValue: UInt8 {
        switch self {
        case .modelDefault: 1
        case .karras: 2
        case .exponential: 3
        case .sgmUniform: 4
        }
    }

    /// The schedule of a number; `nil` for numbers this build does not know.
    init?(wireValue: UInt8) {
        guard let schedule = Self.allCases.first(where: { $0.wireValue == wireValue }) else {
            return nil
        }
        self = schedule
    }
}
