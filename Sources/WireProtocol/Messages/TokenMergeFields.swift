// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

// Token merging as a part of ASSIGN. Numbers of cases are never reused; 0 means "the method's
// default" where a choice may be left open. Options added after protocol 1.1 follow these fields
// (`TaggedMergeOptions`).

extension ByteWriter {
    mutating func write(_ merging: TokenMergeConfiguration) {
        writeShortText(merging.method, max: WireLimits.mergeMethodByteCountMax)
        write(UInt8(clamping: merging.maximumDownsample))
        write(merging.featureSource?.wireValue ?? 0)
        write(merging.scope?.wireValue ?? 0)
        write(merging.sharing.wireValue)
        write(merging.destination.wireValue)
        write(merging.sourceRanking.wireValue)
        write(merging.linkage.wireValue)
        let tagged = TaggedMergeOptions.bytes(of: merging)
        write(merging.wireFlags(hasTagged: !tagged.isEmpty))
        let (kind, sides) = merging.window.wireFields
        write(kind)
        write(UInt8(clamping: sides.count))
        write(merging.ratio)
        write(merging.alpha.wireWeight)
        write(UInt32(clamping: merging.period ?? 0))
        write(UInt16(clamping: merging.strideX))
        write(UInt16(clamping: merging.strideY))
        write(UInt16(clamping: merging.downsampleFactor))
        write(UInt16(clamping: merging.importanceWarmupCallCount))
        write(merging.importancePool)
        for side in sides { write(UInt16(clamping: side)) }
        let refreshes = merging.refreshCalls ?? []
        write(UInt16(clamping: refreshes.count))
        for call in refreshes { write(UInt32(clamping: call)) }
        guard !tagged.isEmpty else { return }
        write(UInt16(clamping: tagged.count))
        write(tagged)
    }
}

extension ByteReader {
    /// Values are not validated here, like the rest of a request: the worker validates them.
    mutating func readTokenMerging() throws(WireError) -> TokenMergeConfiguration {
        var merging = TokenMergeConfiguration(
            method: try readShortText("merge method", max: WireLimits.mergeMethodByteCountMax))
        merging.maximumDownsample = Int(try read(UInt8.self, "merge downsample"))
        merging.featureSource = try readOptional(TokenMergeFeatureSource.self, "merge features")
        merging.scope = try readOptional(TokenMergeScope.self, "merge scope")
        merging.sharing = try readChoice(TokenMergeSharing.self, "merge sharing")
        merging.destination = try readChoice(TokenMergeDestination.self, "merge destination")
        merging.sourceRanking = try readChoice(TokenMergeSourceRanking.self, "merge ranking")
        merging.linkage = try readChoice(TokenMergeLinkage.self, "merge linkage")
        let flags = try read(UInt16.self, "merge flags")
        guard flags < 1 << TokenMergeConfiguration.wireFlagCount else {
            throw unknown("merge flags", "\(flags)")
        }
        let windowKind = try read(UInt8.self, "merge window")
        guard TokenMergeWindow.wireKinds.contains(windowKind) else {
            throw unknown("merge window", "\(windowKind)")
        }
        let sideCount = try read(
            UInt8.self, "merge window sides", in: 0...TokenMergeWindow.wireSideCountMax)
        merging.ratio = try readDouble("merge ratio")
        let weight = try readFloat("merge alpha")
        let period = Int(try read(UInt32.self, "merge period"))
        merging.period = period == 0 ? nil : period
        merging.strideX = Int(try read(UInt16.self, "merge sx"))
        merging.strideY = Int(try read(UInt16.self, "merge sy"))
        merging.downsampleFactor = Int(try read(UInt16.self, "merge downsample factor"))
        merging.importanceWarmupCallCount = Int(try read(UInt16.self, "merge warm-up"))
        merging.importancePool = try readDouble("merge importance pool")
        var sides: [Int] = []
        for _ in 0..<sideCount { sides.append(Int(try read(UInt16.self, "merge window side"))) }
        guard let window = TokenMergeWindow(wireKind: windowKind, sides: sides) else {
            throw .fieldOutOfRange(type, field: "merge window", value: "\(windowKind)")
        }
        merging.window = window
        var refreshes: [Int] = []
        let refreshCount = try read(
            UInt16.self, "merge refreshes", in: 0...TokenMergeConfiguration.refreshCallCountMax)
        for _ in 0..<refreshCount { refreshes.append(Int(try read(UInt32.self, "merge refresh"))) }
        merging.setWireFlags(flags, weight: weight, refreshes: refreshes)
        if flags >> TokenMergeConfiguration.taggedWireFlag & 1 == 1 {
            let count = try read(
                UInt16.self, "merge options", in: 1...WireLimits.taggedMergeOptionsByteCountMax)
            try TaggedMergeOptions.set(
                try readBytes(count, "merge options"), in: &merging, type: type, lease: lease)
        }
        return merging
    }

    /// Any number, including NaN.
    private mutating func readDouble(_ field: String) throws(WireError) -> Double {
        Double(bitPattern: try read(UInt64.self, field))
    }

    private mutating func readChoice<Choice: WireChoice>(
        _: Choice.Type, _ field: String
    ) throws(WireError) -> Choice {
        let number = try read(UInt8.self, field)
        guard let choice = Choice(wireValue: number) else { throw unknown(field, "\(number)") }
        return choice
    }

    private mutating func readOptional<Choice: WireChoice>(
        _: Choice.Type, _ field: String
    ) throws(WireError) -> Choice? {
        let number = try read(UInt8.self, field)
        if number == 0 { return nil }
        guard let choice = Choice(wireValue: number) else { throw unknown(field, "\(number)") }
        return choice
    }
}

extension TokenMergeConfiguration {
    /// Flags in use; the others are zero.
    fileprivate static let wireFlagCount = 10
    /// The flag for tagged options that follow.
    fileprivate static let taggedWireFlag: UInt16 = 9

    fileprivate func wireFlags(hasTagged: Bool) -> UInt16 {
        var isWeight = false
        if case .weight = alpha { isWeight = true }
        let flags = [
            usesProportionalAttention, mergesSelfAttention, mergesCrossAttention,
            mergesFeedForward, shiftsWindows, usesRandomDestinations,
            isWeight, refreshCalls != nil, slicesSources, hasTagged,
        ]
        return flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt16($1.offset) : 0) }
    }

    fileprivate mutating func setWireFlags(
        _ flags: UInt16, weight: Float, refreshes: [Int]
    ) {
        func isSet(_ bit: UInt16) -> Bool { flags >> bit & 1 == 1 }
        usesProportionalAttention = isSet(0)
        mergesSelfAttention = isSet(1)
        mergesCrossAttention = isSet(2)
        mergesFeedForward = isSet(3)
        shiftsWindows = isSet(4)
        usesRandomDestinations = isSet(5)
        alpha = isSet(6) ? .weight(weight) : .mean
        refreshCalls = isSet(7) ? refreshes : nil
        slicesSources = isSet(8)
    }
}

extension TokenMergeAlpha {
    fileprivate var wireWeight: Float {
        switch self {
        case .mean: 0
        case .weight(let weight): weight
        }
    }
}

extension TokenMergeWindow {
    fileprivate var wireFields: (kind: UInt8, sides: [Int]) {
        switch self {
        case .adaptive: (1, [])
        case .adaptiveLiteral: (2, [])
        case .fixed(let side): (3, [side])
        case .levels(let sides): (4, sides)
        case .stages(let down, let mid, let up): (5, [down.count] + down + [mid] + up)
        }
    }

    /// Kinds of windows and their numbers.
    fileprivate static let wireKinds: ClosedRange<UInt8> = 1...5

    /// The number of levels on the way down, then the sides down, in the middle and up.
    fileprivate static let wireSideCountMax = 2 * levelCountMax + 2

    fileprivate init?(wireKind: UInt8, sides: [Int]) {
        switch (wireKind, sides.count) {
        case (1, 0): self = .adaptive
        case (2, 0): self = .adaptiveLiteral
        case (3, 1): self = .fixed(sides[0])
        case (4, 1...): self = .levels(sides)
        case (5, 4...) where (1...sides.count - 3).contains(sides[0]):
            let mid = sides[0] + 1
            self = .stages(
                down: Array(sides[1..<mid]), mid: sides[mid], up: Array(sides[(mid + 1)...]))
        default: return nil
        }
    }
}
