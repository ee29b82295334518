// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Testing
import WireFuzzing
import WireProtocol

/// Tagged merge options: how the next one will be sent, and that today's peers refuse it.
@Suite struct TaggedMergeOptionsTests {
    /// Rows as a later version may have them, one of every kind.
    private static let options = [
        TokenMergeOption(
            \.shiftsWindows, key: "a", flag: "a", .flag, tag: 1, help: ""),
        TokenMergeOption(
            \.strideX, key: "b", flag: "b", .wholes(1...512), tag: 2, help: ""),
        TokenMergeOption(
            \.ratio, key: "c", flag: "c", .numbers(0...1), tag: 3, help: ""),
        TokenMergeOption(
            \.linkage, key: "d", flag: "d", .names(["average", "single"]), tag: 4, help: ""),
        TokenMergeOption(
            \.refreshCalls, key: "e", flag: "e",
            .other(form: "", description: "") { _ in true }, tag: 5, help: ""),
    ]

    private static let changed = {
        var merging = TokenMergeConfiguration()
        merging.shiftsWindows = false
        merging.strideX = -3
        merging.ratio = .infinity
        merging.linkage = .single
        merging.refreshCalls = [0, 70_000]
        return merging
    }()

    private static func read(_ bytes: [UInt8]) throws(WireError) -> TokenMergeConfiguration {
        var merging = TokenMergeConfiguration()
        try TaggedMergeOptions.set(
            bytes, in: &merging, type: .assign, lease: Samples.lease, options: options)
        return merging
    }

    @Test func onlyDifferingOptionsAreSent() throws {
        let merging = TokenMergeConfiguration()
        #expect(TaggedMergeOptions.bytes(of: merging, options: Self.options).isEmpty)
        #expect(try Self.read([]) == merging)
        let bytes = TaggedMergeOptions.bytes(of: Self.changed, options: Self.options)
        #expect(try Self.read(bytes) == Self.changed)
    }

    /// The bytes of each kind; a change is a change of the protocol.
    @Test func bytesMatchTheProtocol() {
        #expect(
            TaggedMergeOptions.bytes(of: Self.changed, options: Self.options) == [
                1, 1, 0,
                2, 2, 0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                3, 3, 0, 0, 0, 0, 0, 0, 0xF0, 0x7F,
                4, 4, 6, 0, 0x73, 0x69, 0x6E, 0x67, 0x6C, 0x65,
                5, 5, 2, 0, 0, 0, 0, 0, 0x70, 0x11, 1, 0,
            ])
    }

    @Test(
        arguments: [
            [9, 1, 1], [1, 1, 0, 1, 1, 0], [1, 1, 2], [1, 6, 0], [1, 2, 0, 0, 0, 0, 0, 0, 0, 0],
            [4, 4, 1, 0, 0x78], [5, 5, 0xD1, 7], [1], [1, 1], [2, 2, 1],
        ] as [[UInt8]])
    func anythingElseIsRefused(bytes: [UInt8]) {
        #expect(throws: WireError.self) { try Self.read(bytes) }
    }

    /// A worker of this version that receives a later version's option does not generate without
    /// it.
    @Test func anUnknownTagIsRefused() throws {
        var request = Samples.request
        request.tokenMerging.refreshCalls = nil
        let message = Message.assign(Samples.lease, request)
        var payload = message.frame().payload
        let flags = try #require(Self.flagsOffset(payload, request))
        payload[flags + 1] |= 1 << 1
        payload += [3, 0, 99, 1, 1]
        #expect(
            throws: WireError.notUnderstood(
                .assign, Samples.lease, field: "merge option", value: "99")
        ) {
            try decode(frame(message, payload: payload), receiver: .worker)
        }
    }

    /// The offset of the merge flags in an ASSIGN: after the method and seven choices.
    private static func flagsOffset(_ payload: [UInt8], _ request: GenerationRequest) -> Int? {
        let method = Array(request.tokenMerging.method.utf8)
        let start = payload.indices.last { payload[$0...].starts(with: method) }
        return start.map { $0 + method.count + 7 }
    }
}
