// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// An enumeration with one byte per case on the wire; numbers are never reused and 0 is none.
protocol WireChoice: CaseIterable {
    /// The number on the wire.
    var wireValue: UInt8 { get }
}

extension WireChoice {
    /// The case with a number; `nil` for numbers unknown to this build.
    init?(wireValue: UInt8) {
        guard let choice = Self.allCases.first(where: { $0.wireValue == wireValue }) else {
            return nil
        }
        self = choice
    }
}

extension TokenMergeFeatureSource: WireChoice {
    var wireValue: UInt8 {
        switch self {
        case .attentionInput: 1
        case .hiddenStates: 2
        }
    }
}

extension TokenMergeScope: WireChoice {
    var wireValue: UInt8 {
        switch self {
        case .queriesKeysValues: 1
        case .keysValues: 2
        }
    }
}

extension TokenMergeSharing: WireChoice {
    var wireValue: UInt8 {
        switch self {
        case .shared: 1
        case .perSample: 2
        }
    }
}

extension TokenMergeDestination: WireChoice {
    var wireValue: UInt8 {
        switch self {
        case .representative: 1
        case .random: 2
        case .least: 3
        case .first: 4
        }
    }
}

extension TokenMergeSourceRanking: WireChoice {
    var wireValue: UInt8 {
        switch self {
        case .average: 1
        case .representative: 2
        }
    }
}

extension TokenMergeLinkage: WireChoice {
    var wireValue: UInt8 {
        switch self {
        case .average: 1
        case .complete: 2
        case .single: 3
        }
    }
}
