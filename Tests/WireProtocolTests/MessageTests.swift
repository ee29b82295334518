// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Testing
import WireFuzzing
import WireProtocol

@Suite struct MessageTests {
    @Test(arguments: Samples.messages)
    func messagesSurviveTheRoundTrip(message: Message) throws {
        for level in [nil, 1, 9] {
            let bytes = message.frame(compressionLevel: level).encoded()
            #expect(try decode(bytes, receiver: Samples.receiver(of: message)) == message)
        }
    }

    @Test func samplesCoverEveryType() {
        let types = Set(Samples.messages.map(\.type))
        #expect(types == Set(MessageType.allCases))
    }

    /// Numbers never change: installed peers use them.
    @Test func samplersKeepTheirNumbers() {
        #expect(
            SamplingMethod.allCases.map { "\($0.traits.wireNumber) \($0.rawValue)" } == [
                "1 ddim", "2 pndm", "3 euler", "4 euler_a", "5 lms", "6 heun", "7 dpm++2m",
                "8 unipc", "9 lcm", "10 tcd",
            ])
        #expect(
            SigmaSchedule.allCases.map { "\($0.traits.wireNumber) \($0.rawValue)" } == [
                "1 default", "2 karras", "3 exponential", "4 sgm_uniform",
            ])
    }

    @Test func everyMethodAndScheduleIsSent() throws {
        for method in SamplingMethod.allCases {
            for schedule in SigmaSchedule.allCases {
                var request = Samples.request
                request.samplingMethod = method
                request.sigmaSchedule = schedule
                request.clipSkip = nil
                let message = Message.assign(Samples.lease, request)
                #expect(try decode(message.frame().encoded(), receiver: .worker) == message)
            }
        }
    }

    /// A field added to the request must be added to ASSIGN as well.
    @Test func everyRequestFieldIsSent() {
        #expect(Mirror(reflecting: Samples.request).children.count == 14)
        #expect(Mirror(reflecting: Samples.merging).children.count == 26)
        #expect(Mirror(reflecting: Samples.statistics).children.count == 6)
    }

    /// Layout 1 is layout 0 with the guidance rescale at its end, 2 has the forecast too.
    @Test func aLaterLayoutIsSentOnlyWhenNeeded() throws {
        var request = Samples.request
        let plain = Message.assign(Samples.lease, request).frame(compressionLevel: nil).payload
        request.guidanceRescale = 0.75
        let message = Message.assign(Samples.lease, request)
        let later = message.frame(compressionLevel: nil).payload
        let layout = 16 + 31
        #expect(plain[layout] == 0 && later[layout] == 1)
        #expect(later.prefix(layout) == plain.prefix(layout))
        #expect(later.dropFirst(layout + 1) == plain.dropFirst(layout + 1) + [0, 0, 0x40, 0x3F])
        #expect(try decode(message.frame().encoded(), receiver: .worker) == message)
        request.forecastInterval = 3
        let last = Message.assign(Samples.lease, request)
        let bytes = last.frame(compressionLevel: nil).payload
        #expect(bytes[layout] == 2)
        #expect(bytes.dropFirst(layout + 1) == later.dropFirst(layout + 1) + [3])
        #expect(try decode(last.frame().encoded(), receiver: .worker) == last)
    }

    /// An option with neither a tag nor a fixed place would not reach the worker.
    @Test func optionsWithoutTagsHaveFixedPlaces() {
        #expect(TokenMergeOption.all.count { $0.tag == nil } == 25)
    }

    /// Options with tags follow the others: tag 1, kind 4, three bytes of text.
    @Test func theBudgetHasTagOne() throws {
        var request = Samples.request
        let plain = Message.assign(Samples.lease, request).frame(compressionLevel: nil).payload
        request.tokenMerging.budget = .map
        let bytes = Message.assign(Samples.lease, request).frame(compressionLevel: nil).payload
        let tagged: [UInt8] = [7, 0, 1, 4, 3, 0, 0x6D, 0x61, 0x70]
        #expect(bytes.count == plain.count + tagged.count)
        #expect(bytes.indices.contains { bytes[$0...].starts(with: tagged) })
    }

    @Test func everyChoiceOfTokenMergingIsSent() throws {
        var configurations = [TokenMergeConfiguration(), .none]
        configurations += TokenMergeProfile.allCases.map(\.configuration)
        func vary<Choices: Sequence>(
            _ choices: Choices, _ set: (inout TokenMergeConfiguration, Choices.Element) -> Void
        ) {
            for choice in choices {
                var configuration = TokenMergeConfiguration()
                set(&configuration, choice)
                configurations.append(configuration)
            }
        }
        vary(TokenMergeFeatureSource.allCases) { $0.featureSource = $1 }
        vary(TokenMergeScope.allCases) { $0.scope = $1 }
        vary(TokenMergeSharing.allCases) { $0.sharing = $1 }
        vary(TokenMergeDestination.allCases) { $0.destination = $1 }
        vary(TokenMergeSourceRanking.allCases) { $0.sourceRanking = $1 }
        vary(TokenMergeBudget.allCases) { $0.budget = $1 }
        vary(TokenMergeLinkage.allCases) { $0.linkage = $1 }
        vary([.adaptiveLiteral, .fixed(16), .levels([2, 8])]) { $0.window = $1 }
        let eight = Array(1...8)
        vary([
            .stages(down: [2], mid: 8, up: [4]), .stages(down: [2, 3], mid: 4, up: [5]),
            .stages(down: eight, mid: 9, up: eight),
        ]) { $0.window = $1 }
        vary([true]) { $0.slicesSources = $1 }
        vary([.mean, .weight(0), .weight(1)]) { $0.alpha = $1 }
        vary([[], [3]]) { $0.refreshCalls = $1 }
        for configuration in configurations {
            var request = Samples.request
            request.tokenMerging = configuration
            let message = Message.assign(Samples.lease, request)
            #expect(try decode(message.frame().encoded(), receiver: .worker) == message)
        }
    }

    @Test func longPromptsAndUnusualTextAreSent() throws {
        var request = Samples.request
        request.prompt = String(repeating: "x", count: GenerationLimits.promptByteCountMax)
        request.negativePrompt = "雪の中の赤い家 🏠 \u{0} e\u{301}"
        let message = Message.assign(Samples.lease, request)
        #expect(try decode(message.frame().encoded(), receiver: .worker) == message)
    }

    @Test func latentsAreSentBitExact() throws {
        let values: [Float] = [
            0, -0.0, .leastNonzeroMagnitude, .infinity, -.infinity, .greatestFiniteMagnitude,
            Float(bitPattern: 0x7FC0_1234), Float(bitPattern: 0xFF80_0001),
        ]
        let latents = GeneratedLatents(channels: 2, height: 2, width: 2, values: values)
        let result = LatentResult(
            lease: Samples.lease, sampled: SampledImage(latents: latents, sha256: latents.sha256))
        let bytes = Message.result(result).frame().encoded()
        guard case .result(let back) = try decode(bytes, receiver: .coordinator) else {
            Issue.record("not a result")
            return
        }
        #expect(back.latents.values.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test(arguments: [31_536_001, 1.7e308, .infinity, .nan, -1])
    func implausibleTimesAreRefused(_ seconds: Double) {
        let report = ProgressReport(lease: Samples.lease, step: 1, stepCount: 2, seconds: seconds)
        var result = Samples.result
        result.sampled.facts.timings.samplingSeconds = seconds
        for message: Message in [.progress(report), .result(result)] {
            let bytes = message.frame().encoded()
            #expect(throws: WireError.self) { try decode(bytes, receiver: .coordinator) }
        }
        result.sampled.facts.timings.samplingSeconds = WireLimits.secondsMax
        #expect(throws: Never.self) {
            try decode(Message.result(result).frame().encoded(), receiver: .coordinator)
        }
    }

    @Test func wrongDigestIsNoticed() {
        var result = Samples.result
        var latents = result.latents
        latents.values[3] += 1
        result.sampled = SampledImage(latents: latents, sha256: result.sha256)
        let bytes = Message.result(result).frame().encoded()
        #expect(throws: WireError.digestMismatch(item: 7)) {
            try decode(bytes, receiver: .coordinator)
        }
    }

    @Test func longReasonsAreCutAtACharacter() throws {
        let text = String(repeating: "é", count: 1000)
        let bytes = Message.goodbye(WireReason(.finished, text)).frame().encoded()
        guard case .goodbye(let reason) = try decode(bytes, receiver: .worker) else {
            Issue.record("not a goodbye")
            return
        }
        #expect(reason.text == String(repeating: "é", count: 512))
    }

    @Test func badFieldsAreNamed() {
        let assign = Message.assign(Samples.lease, Samples.request)
        let content = assign.frame(compressionLevel: nil).payload
        func expect(_ expected: WireError, at offset: Int, _ bytes: UInt8...) {
            var payload = content
            payload.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
            #expect(throws: expected) {
                try decode(frame(assign, payload: payload), receiver: .worker)
            }
        }
        expect(.fieldOutOfRange(.assign, field: "attempt", value: "0"), at: 0, 0, 0)
        expect(.reservedFieldNotZero("lease"), at: 5, 1)
        expect(
            .fieldOutOfRange(.assign, field: "prompt", value: "4294967295"), at: 48, 255, 255, 255,
            255)
        expect(.notUTF8(.assign, field: "prompt"), at: 52, 0xFF)
    }

    /// Sums of a run's times stay finite, whatever workers report.
    @Test func timesOutOfRangeAreRefused() throws {
        let lease = Samples.lease
        let most = WireLimits.secondsMax
        for seconds in [0, 1.5, most, -1, most.nextUp, 1.7e308, .infinity, .nan] {
            let message = Message.progress(
                ProgressReport(lease: lease, step: 1, stepCount: 4, seconds: seconds))
            let bytes = frame(message, payload: message.frame(compressionLevel: nil).payload)
            if (0...most).contains(seconds) {
                #expect(try decode(bytes, receiver: .coordinator) == message)
            } else {
                let error = WireError.fieldOutOfRange(
                    .progress, field: "seconds", value: "\(seconds)")
                #expect(throws: error) { try decode(bytes, receiver: .coordinator) }
            }
        }
    }

    @Test func everyTruncationIsAnError() {
        for message in Samples.messages {
            let content = message.frame(compressionLevel: nil).payload
            for count in 0..<content.count {
                let bytes = frame(message, payload: Array(content[..<count]))
                #expect(throws: WireError.self, "\(message.type) cut to \(count) bytes") {
                    try decode(bytes, receiver: Samples.receiver(of: message))
                }
            }
        }
    }

    @Test func newerMinorVersionMayAppendFieldsOurOwnMayNot() throws {
        let message = Message.ping(5)
        let payload = message.frame().payload + [1, 2, 3]
        #expect(throws: WireError.trailingBytes(.ping, byteCount: 3)) {
            try decode(frame(message, payload: payload), receiver: .worker)
        }
        var header = message.frame().header
        header.version.minor += 1
        header.payloadByteCount = payload.count
        header.contentByteCount = payload.count
        header.payloadChecksum = checksum(payload)
        #expect(try decode(header.encoded() + payload, receiver: .worker) == message)
    }

    @Test func unknownOptionalTypesOfNewerPeersAreSkipped() throws {
        var header = Message.ping(5).frame().header
        header.typeByte = 0x90
        let payload = Message.ping(5).frame().payload
        #expect(throws: WireError.unknownMessageType(0x90)) {
            try decode(header.encoded() + payload, receiver: .worker)
        }
        header.version.minor += 1
        #expect(try decode(header.encoded() + payload, receiver: .worker) == nil)
        header.typeByte = 0x70
        #expect(throws: WireError.unknownMessageType(0x70)) {
            try decode(header.encoded() + payload, receiver: .worker)
        }
    }
}

@Suite struct WireErrorCodeTests {
    @Test func everyNumberMapsBothWays() {
        for value in UInt16.min...UInt16.max {
            let code = WireErrorCode(wireValue: value)
            if code == .unspecified {
                #expect(
                    WireErrorCode.allCases.allSatisfy {
                        $0 == .unspecified || $0.wireValue != value
                    })
            } else {
                #expect(code.wireValue == value)
            }
        }
    }

    @Test func numbersAreFixed() {
        let numbers = Dictionary(
            uniqueKeysWithValues: WireErrorCode.allCases.map { ("\($0)", $0.wireValue) })
        #expect(
            numbers == [
                "finished": 0, "protocolMismatch": 100, "modelMismatch": 101, "busy": 102,
                "draining": 103, "tooManyConnections": 104, "wrongRole": 105,
                "kernelClassMismatch": 106, "authenticationRequired": 107,
                "handshakeTimeout": 108, "malformedFrame": 200, "checksumMismatch": 201,
                "frameTooLong": 202, "unexpectedMessage": 203, "idleTimeout": 204,
                "slowReader": 205, "cancelled": 300, "overCredit": 301, "workerFailed": 302,
                "shuttingDown": 303, "notUnderstood": 304, "requestInvalid": 400,
                "nonFiniteLatents": 401, "unspecified": 65535,
            ])
    }

    @Test func everyWireErrorHasACodeAndAText() {
        let errors: [WireError] = [
            .stranger(.http), .headerChecksumMismatch, .unsupportedProtocol(major: 2, minor: 0),
            .unknownMessageType(9), .wrongDirection(.hello), .outOfOrder(.hello),
            .unknownFlags(2), .reservedFieldNotZero("x"), .streamOutOfRange(.ping, stream: 1),
            .payloadTooLong(.ping, byteCount: 9, max: 8), .payloadChecksumMismatch(.ping),
            .compressionNotAllowed(.ping), .badCompression(.result, reason: "x"),
            .decompressedSizeMismatch(.result, declared: 1), .truncated(.ping, field: "x"),
            .trailingBytes(.ping, byteCount: 1),
            .fieldOutOfRange(.ping, field: "x", value: "1"), .notUTF8(.assign, field: "x"),
            .digestMismatch(item: 1),
            .notUnderstood(.assign, Samples.lease, field: "x", value: "1"),
        ]
        for error in errors {
            #expect(error.code != .finished && error.code != .unspecified)
            #expect(error.description.count > 10)
        }
        #expect(Set(errors.map(\.description)).count == errors.count)
    }
}
