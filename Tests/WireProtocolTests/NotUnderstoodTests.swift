// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Testing
import WireFuzzing
import WireProtocol

/// Messages of a newer build that this one does not understand: no part of a request is skipped,
/// and the error names the lease.
@Suite struct NotUnderstoodTests {
    private static let assign = Message.assign(Samples.lease, Samples.request)
    /// The offset of the request in an ASSIGN, and of the fields after its merge method.
    private static let request = 16
    private static let mergeFields =
        request + 32 + 4 + Samples.request.prompt.utf8.count + 4
        + Samples.request.negativePrompt.utf8.count + 2 + Samples.merging.method.utf8.count

    private static func bytes(
        _ message: Message, minor: UInt8, _ change: (inout [UInt8]) -> Void
    ) -> [UInt8] {
        var payload = message.frame(compressionLevel: nil).payload
        change(&payload)
        var header = message.frame(compressionLevel: nil).header
        header.version.minor = minor
        header.payloadByteCount = payload.count
        header.contentByteCount = payload.count
        header.payloadChecksum = checksum(payload)
        return header.encoded() + payload
    }

    private static let ours = ProtocolVersion.current.minor

    /// Samplers were once added without a new version, so the version does not matter for them.
    @Test(arguments: [UInt8](0...ProtocolVersion.current.minor + 1))
    func unknownNumbersFailTheImage(minor: UInt8) {
        func expect(_ field: String, at offset: Int, _ value: UInt8) {
            let bytes = Self.bytes(Self.assign, minor: minor) { $0[offset] = value }
            #expect(
                throws: WireError.notUnderstood(
                    .assign, Samples.lease, field: field, value: "\(value)")
            ) { try decode(bytes, receiver: .worker) }
        }
        expect("sampling method", at: Self.request + 28, 200)
        expect("sigma schedule", at: Self.request + 29, 0)
        expect("request layout", at: Self.request + 31, 200)
        expect("merge features", at: Self.mergeFields + 1, 3)
        expect("merge scope", at: Self.mergeFields + 2, 3)
        expect("merge sharing", at: Self.mergeFields + 3, 3)
        expect("merge destination", at: Self.mergeFields + 4, 9)
        expect("merge ranking", at: Self.mergeFields + 5, 9)
        expect("merge linkage", at: Self.mergeFields + 6, 9)
        expect("merge window", at: Self.mergeFields + 9, 6)
    }

    @Test func unknownMergeFlagsFailTheImage() {
        let bytes = Self.bytes(Self.assign, minor: Self.ours) { $0[Self.mergeFields + 8] |= 0x80 }
        #expect {
            try decode(bytes, receiver: .worker)
        } throws: { error in
            let error = error as? WireError
            return error?.lease == Samples.lease
                && error?.description.hasPrefix("merge flags ") == true
        }
    }

    /// Appended to anything that determines a picture, also after a checkpoint inside PREPARE.
    @Test func appendedFieldsOfNewerPeersAreNotSkipped() {
        let checkpoint = SamplingCheckpoint(step: 1, kernelClass: "a", bytes: [1, 2, 3])
        let messages: [(Message, PeerRole)] = [
            (Self.assign, .worker),
            (.prepare(Samples.lease, Preparation(checkpointInterval: 2)), .worker),
            (.prepare(Samples.lease, Preparation(checkpoint: checkpoint)), .worker),
            (.checkpoint(Samples.lease, checkpoint), .coordinator),
        ]
        for (message, receiver) in messages {
            let count = message.frame(compressionLevel: nil).payload.count
            let newer = Self.bytes(message, minor: Self.ours + 1) { $0 += [7, 7] }
            #expect(
                throws: WireError.notUnderstood(
                    message.type, Samples.lease, field: "field at byte", value: "\(count)")
            ) { try decode(newer, receiver: receiver) }
            // A newer peer that sends nothing new is understood.
            let plain = Self.bytes(message, minor: Self.ours + 1) { _ in }
            #expect(throws: Never.self) { try decode(plain, receiver: receiver) }
            // From our own version it is damage.
            let damaged = Self.bytes(message, minor: Self.ours) { $0 += [7, 7] }
            #expect(throws: WireError.trailingBytes(message.type, byteCount: 2)) {
                try decode(damaged, receiver: receiver)
            }
        }
    }

    @Test func onlyWhatIsNotUnderstoodLeavesTheConnectionOpen() {
        let error = WireError.notUnderstood(
            .assign, Samples.lease, field: "sampling method", value: "11")
        #expect(error.lease == Samples.lease)
        #expect(error.code == .notUnderstood && error.code.isRetryable)
        #expect(error.description.hasPrefix("sampling method 11 is unknown to this build; "))
        #expect(error.description.hasSuffix("the image needs a newer retom-worker"))
        #expect(WireError.trailingBytes(.assign, byteCount: 1).lease == nil)
    }
}
